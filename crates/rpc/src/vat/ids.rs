//! Names for the things a vat keeps. Each is its own type, so that one cannot be passed for another.

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The bare number, for a driver that keeps ids where types cannot follow.
            pub fn to_raw(self) -> u32 {
                self.0
            }

            /// The id with this number. A number that names nothing is refused where it is used.
            pub fn from_raw(raw: u32) -> Self {
                Self(raw)
            }
        }
    )*};
}

id! {
    /// A connection of this vat.
    ConnectionId;
    /// A counted reference to a capability, wherever its object lives. See [`Vat::retain`](super::Vat::retain).
    CapId;
    /// An object that this vat hosts and its driver implements.
    ObjectId;
    /// A capability that this vat's driver has promised. See [`Vat::promise`](super::Vat::promise).
    PromiseId;
    /// A call that this vat's driver made and that has not returned.
    CallId;
    /// A call that this vat's driver was asked to answer.
    AnswerId;
    /// The wire's name for a call, chosen by its sender.
    QuestionId;
    /// The wire's name for an object, chosen by the vat that exports it.
    ExportId;
    /// The wire's name for an object that the peer exports.
    ImportId;
    /// The wire's name for an embargo, chosen by the vat that asked for it.
    EmbargoId;
    /// A flow of streamed calls to one object.
    StreamId;
}
