//! Errors of other layers as the failure of a call.

use crate::vat::Exception;

/// What calls and servers return.
pub type Result<T> = core::result::Result<T, Exception>;

impl From<capstan_message::Error> for Exception {
    fn from(error: capstan_message::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<capstan_message::NotInSchema> for Exception {
    fn from(error: capstan_message::NotInSchema) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<std::io::Error> for Exception {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let reason = error.to_string();
        match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe => Self::disconnected(reason),
            ErrorKind::OutOfMemory | ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Self::overloaded(reason)
            }
            _ => Self::failed(reason),
        }
    }
}

impl From<core::str::Utf8Error> for Exception {
    fn from(error: core::str::Utf8Error) -> Self {
        Self::failed(format!(
            "text is not UTF-8 from byte {} on",
            error.valid_up_to()
        ))
    }
}
