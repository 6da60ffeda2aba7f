//! What a vat tells its driver.

use super::{AnswerId, CallId, CapId, ConnectionId, Exception, ObjectId, Payload};

/// Something the driver of a vat has to act on, from [`Vat::poll_event`](super::Vat::poll_event).
///
/// Every [`CapId`] in a payload, or of a promise that has come true, is one reference that now belongs to the driver,
/// which must [`release`](super::Vat::release) it.
#[derive(Debug)]
pub enum Event {
    /// An object of the driver's is called. The driver answers exactly once, by
    /// [`return_results`](super::Vat::return_results) or [`return_exception`](super::Vat::return_exception).
    Call(IncomingCall),
    /// A call made with [`call`](super::Vat::call) is over, and its id with it.
    Return {
        /// The call.
        call: CallId,
        /// Its results, or why it failed.
        result: Result<Payload, Exception>,
    },
    /// A streamed call whose admission was [`Wait`](super::Admission::Wait) has room behind it, or
    /// will never have. Its id is over.
    StreamReady {
        /// The call.
        call: CallId,
        /// Whether the stream goes on.
        result: Result<(), Exception>,
    },
    /// Nobody wants this answer any more. The driver may stop early; it still has to answer.
    Canceled {
        /// The call.
        answer: AnswerId,
    },
    /// No reference to this object is left anywhere: the driver can drop it.
    ObjectReleased {
        /// The object.
        object: ObjectId,
    },
    /// It is known where a capability leads that was [watched](super::Vat::watch).
    Resolved {
        /// The capability that was a promise.
        cap: CapId,
    },
    /// The connection is over, and its id with it. All its calls have failed before this event.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: Exception,
    },
}

/// A call that an object of ours is to answer.
#[derive(Debug)]
pub struct IncomingCall {
    /// What to answer it by.
    pub answer: AnswerId,
    /// The object that is called.
    pub object: ObjectId,
    /// The interface.
    pub interface_id: u64,
    /// The ordinal of its method.
    pub method_id: u16,
    /// The parameters.
    pub params: Payload,
}
