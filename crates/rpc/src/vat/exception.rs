//! What a call that fails returns.

use core::fmt;

/// How a caller may react. The ordinals are those of `rpc.capnp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExceptionKind {
    /// Something went wrong, and trying again will not help.
    #[default]
    Failed,
    /// Some resource ran out; trying again later may work.
    Overloaded,
    /// The connection to some object was lost; reconnecting may work.
    Disconnected,
    /// The object does not have this method.
    Unimplemented,
}

/// The failure of a call, as it travels between vats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// How a caller may react.
    pub kind: ExceptionKind,
    /// For a person to read.
    pub reason: String,
    /// The stack at the far side, if it sent one; else empty.
    pub trace: String,
}

impl Exception {
    /// A failure without a trace.
    pub fn new(kind: ExceptionKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            trace: String::new(),
        }
    }

    /// Something went wrong.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new(ExceptionKind::Failed, reason)
    }

    /// Some resource ran out.
    pub fn overloaded(reason: impl Into<String>) -> Self {
        Self::new(ExceptionKind::Overloaded, reason)
    }

    /// The way to an object is gone.
    pub fn disconnected(reason: impl Into<String>) -> Self {
        Self::new(ExceptionKind::Disconnected, reason)
    }

    /// There is no such method.
    pub fn unimplemented(reason: impl Into<String>) -> Self {
        Self::new(ExceptionKind::Unimplemented, reason)
    }
}

impl fmt::Display for ExceptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Overloaded => "overloaded",
            Self::Disconnected => "disconnected",
            Self::Unimplemented => "unimplemented",
        })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

impl core::error::Error for Exception {}
