//! How much a connection may make this vat do and keep.

use super::{CapId, Connection, ConnectionId, Exception, Vat};

/// Limits of a connection. What is past one fails, or ends the connection, as the peer's doing and
/// nobody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A call of ours fails as overloaded when this many to the same peer have not returned.
    /// Default: 1,048,576.
    pub max_questions: usize,
    /// A peer with more calls that are unanswered or unfinished is disconnected as overloading us.
    /// Default: 262,144.
    pub max_answers: usize,
    /// A message that would leave the peer with more objects of ours than this is not sent: the
    /// call or its answer fails as overloaded. Default: 1,048,576.
    pub max_exports: usize,
    /// A peer is disconnected as overloading us when its unanswered calls and the results that are
    /// kept until it finishes them are more than this. Default: 512 MiB.
    pub max_held_bytes: usize,
    /// The same when more than this waits to be sent and the peer still sends: it does not read.
    /// Default: 512 MiB.
    pub max_queued_bytes: usize,
    /// A peer's call fails as overloaded when this many of its calls wait already, in promises or
    /// for a streamed call. Default: 65,536.
    pub max_waiting_calls: usize,
    /// A call on results of a call on results, and so on, fails as overloaded beyond this many
    /// calls that wait for each other. Default: 1,000.
    pub max_promise_depth: u32,
    /// A peer that has sent nothing for so long is asked for a sign of life, which any peer gives;
    /// after as long again the connection ends. Needs
    /// [`handle_timeout`](Vat::handle_timeout) to be called. Default: never.
    pub idle_micros: Option<u64>,
    /// The same until the first message of a connection has arrived. Default: as `idle_micros`.
    pub handshake_micros: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_questions: 1 << 20,
            max_answers: 1 << 18,
            max_exports: 1 << 20,
            max_held_bytes: 512 << 20,
            max_queued_bytes: 512 << 20,
            max_waiting_calls: 1 << 16,
            max_promise_depth: 1000,
            idle_micros: None,
            handshake_micros: None,
        }
    }
}

impl Connection {
    /// Whether a message with these capabilities may be sent.
    pub(super) fn check_exports(&self, caps: &[Option<CapId>]) -> Result<(), Exception> {
        let limit = self.options.limits.max_exports;
        // Few have any, and not all of them are new to the peer.
        let new = caps.iter().flatten().count();
        if new > 0 && self.exports.len().saturating_add(new) > limit {
            return Err(Exception::overloaded(format!(
                "the peer would hold more than {limit} objects; it has to release some first"
            )));
        }
        Ok(())
    }

    pub(super) fn check_questions(&self) -> Result<(), Exception> {
        let limit = self.options.limits.max_questions;
        if self.questions.len() >= limit {
            return Err(Exception::overloaded(format!(
                "{limit} calls to this peer have not returned; make fewer at a time"
            )));
        }
        Ok(())
    }

    /// Until when something has to be done about the silence.
    fn deadline_micros(&self) -> Option<u64> {
        let limits = &self.options.limits;
        let patience_micros = match (self.heard, limits.handshake_micros) {
            (false, Some(handshake_micros)) => handshake_micros,
            _ => limits.idle_micros?,
        };
        (!self.closed).then(|| self.quiet_since_micros.saturating_add(patience_micros))
    }
}

impl Vat {
    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if ever. It may turn out
    /// that there is nothing to do yet.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.connections
            .values()
            .filter_map(Connection::deadline_micros)
            .min()
    }

    /// The same for a single connection, for drivers with a timer for each.
    pub fn connection_timeout(&self, connection: ConnectionId) -> Option<u64> {
        self.connections.get(connection.0)?.deadline_micros()
    }

    /// Does what was due at [`poll_timeout`](Vat::poll_timeout).
    pub fn handle_timeout(&mut self, now_micros: u64) {
        let connections: Vec<u32> = self.connections.keys().collect();
        for connection in connections {
            self.handle_connection_timeout(now_micros, ConnectionId(connection));
        }
    }

    /// [`handle_timeout`](Self::handle_timeout) for a single connection.
    pub fn handle_connection_timeout(&mut self, now_micros: u64, connection: ConnectionId) {
        self.now_micros = now_micros;
        let Some(table) = self.connections.get_mut(connection.0) else {
            return;
        };
        if table
            .deadline_micros()
            .is_none_or(|deadline| now_micros < deadline)
        {
            return;
        }
        let silent_micros = now_micros.saturating_sub(table.quiet_since_micros);
        table.quiet_since_micros = now_micros;
        if core::mem::replace(&mut table.asked, true) {
            let reason = Exception::disconnected(format!(
                "the peer has sent nothing for {} ms after it was asked for a sign of life",
                silent_micros / 1000
            ));
            return self.close(now_micros, connection, reason);
        }
        // Of all messages, this is the one that any peer answers whatever it offers.
        let cap = self.bootstrap(now_micros, connection);
        self.release(now_micros, cap);
    }
}
