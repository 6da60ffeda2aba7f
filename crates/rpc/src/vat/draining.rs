//! Whether a connection could end without cutting anything off.

use super::answers::State;
use super::{ConnectionId, ObjectId, Vat};

impl Vat {
    /// Whether any call, in either direction, is not answered. A connection that is over has none.
    pub fn has_calls_under_way(&self, connection: ConnectionId) -> bool {
        let Some(table) = self.connections.get(connection.0) else {
            return false;
        };
        let is_answered = |answer: &super::AnswerId| {
            self.answers
                .get(answer.0)
                .is_none_or(|answer| matches!(answer.state, State::Returned { .. }))
        };
        !table.questions.is_empty() || !table.answers.values().all(is_answered)
    }

    /// The hosted object that the connection offers to its peer.
    pub fn bootstrap_object(&self, connection: ConnectionId) -> Option<ObjectId> {
        let table = self.connections.get(connection.0)?;
        self.local_object(table.options.bootstrap?)
    }

    /// The hosted objects that the peer holds.
    pub fn exported_objects(
        &self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = ObjectId> + use<'_> {
        let exports = self.connections.get(connection.0);
        exports
            .into_iter()
            .flat_map(|table| table.exports.iter())
            .filter_map(|(_, export)| self.local_object(export.cap))
    }
}
