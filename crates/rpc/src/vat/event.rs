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
        call: CallId,
        result: Result<Payload, Exception>,
    },
    /// A streamed call whose admission was [`Wait`](super::Admission::Wait) has room behind it, or
    /// will never have. Its id is over.
    StreamReady {
        call: CallId,
        result: Result<(), Exception>,
    },
    /// Nobody wants this answer any more. The driver may stop early; it still has to answer.
    Canceled { answer: AnswerId },
    /// No reference to this object is left anywhere: the driver can drop it.
    ObjectReleased { object: ObjectId },
    /// It is known where a capability leads that was [watched](super::Vat::watch).
    Resolved { cap: CapId },
    /// The connection is over, and its id with it. All its calls have failed before this event.
    Closed {
        connection: ConnectionId,
        reason: Exception,
    },
}

#[derive(Debug)]
pub struct IncomingCall {
    pub answer: AnswerId,
    pub object: ObjectId,
    pub interface_id: u64,
    pub method_id: u16,
    pub params: Payload,
}
