//! The capability table: what each id stands for, references, and how promises come true.

use std::collections::VecDeque;

use super::connection::{Export, Import};
use super::flow::{FlowControl, Stream};
use super::objects::Object;
use super::wire::{self, Descriptor, Target};
use super::{
    AnswerId, CallId, CapId, ConnectionId, EmbargoId, Event, Exception, ImportId, ObjectId,
    Outgoing, Payload, PipelineOp, StreamId, Vat,
};

#[derive(Debug)]
pub(super) struct Cap {
    pub(super) refs: u32,
    pub(super) kind: CapKind,
    pub(super) stream: Option<StreamId>,
}

#[derive(Debug)]
pub(super) enum CapKind {
    Broken(Exception),
    /// An object of this vat's driver.
    Local(Object),
    /// An object, or a promise, of a peer's.
    Import {
        connection: ConnectionId,
        import: ImportId,
        used: bool,
    },
    /// Part of the results of a call that is on its way to a peer.
    Answer {
        call: CallId,
        path: Box<[PipelineOp]>,
        used: bool,
    },
    /// Calls wait here until it is known where they go. With `held`, that is known already, and
    /// they wait for calls that went another way.
    Promise {
        queue: VecDeque<Queued>,
        held: Option<CapId>,
    },
    Resolved(CapId),
}

/// A call that waits in a promise. Each holds a reference to the promise.
#[derive(Debug)]
pub(super) enum Queued {
    /// Made here.
    Made {
        call: CallId,
        params: Outgoing,
        caps: Vec<Option<CapId>>,
    },
    /// Made by a peer.
    Received {
        answer: AnswerId,
        interface_id: u64,
        method_id: u16,
        params: Payload,
    },
}

#[derive(Debug)]
pub(super) struct StreamSlot {
    pub(super) flow: Stream,
    /// Whose streams are counted together; none for streams that stay in this vat.
    pub(super) connection: Option<ConnectionId>,
    /// Capabilities and calls that refer to it.
    refs: u32,
}

impl Vat {
    pub(super) fn new_cap(&mut self, kind: CapKind) -> CapId {
        CapId(self.caps.insert(Cap {
            refs: 1,
            kind,
            stream: None,
        }))
    }

    pub(super) fn new_promise(&mut self) -> CapId {
        self.new_cap(CapKind::Promise {
            queue: VecDeque::new(),
            held: None,
        })
    }

    /// Where this capability leads as far as is known.
    pub(super) fn resolve(&self, mut cap: CapId) -> CapId {
        while let Some(Cap {
            kind: CapKind::Resolved(to),
            ..
        }) = self.caps.get(cap.0)
        {
            cap = *to;
        }
        cap
    }

    pub(super) fn kind(&self, cap: CapId) -> Option<&CapKind> {
        self.caps.get(cap.0).map(|cap| &cap.kind)
    }

    pub(super) fn retain_cap(&mut self, cap: CapId) -> CapId {
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.refs = entry.refs.saturating_add(1);
        }
        cap
    }

    pub(super) fn release_all(&mut self, caps: Vec<Option<CapId>>) {
        for cap in caps.into_iter().flatten() {
            self.release_cap(cap);
        }
    }

    /// Lets one reference go, and whatever only it held. A loop and not recursion: chains of
    /// promises can be long.
    pub(super) fn release_cap(&mut self, cap: CapId) {
        let mut next = Some(cap);
        while let Some(cap) = next.take() {
            let Some(entry) = self.caps.get_mut(cap.0) else {
                return;
            };
            entry.refs = entry.refs.saturating_sub(1);
            if entry.refs > 0 {
                return;
            }
            let Some(entry) = self.caps.remove(cap.0) else {
                return;
            };
            if let Some(stream) = entry.stream {
                self.release_stream(stream);
            }
            match entry.kind {
                CapKind::Broken(_) => {}
                CapKind::Local(_) => self.events.push_back(Event::ObjectReleased {
                    object: ObjectId(cap.0),
                }),
                CapKind::Import {
                    connection, import, ..
                } => self.release_import(connection, import),
                CapKind::Answer { call, .. } => self.on_pipelined_released(call, cap),
                // Its queue is empty: each queued call holds a reference.
                CapKind::Promise { held, .. } => next = held,
                CapKind::Resolved(to) => next = Some(to),
            }
        }
    }

    fn release_import(&mut self, connection: ConnectionId, import: ImportId) {
        let Some(entry) = self
            .connections
            .get_mut(connection.0)
            .and_then(|c| c.imports.remove(&import))
        else {
            return;
        };
        self.transmit(connection, wire::release(import, entry.remote_refs));
    }

    // ---- promises ----

    /// Makes `cap` stand for `to`, whose reference is taken over, and sends on what waited.
    pub(super) fn resolve_to(&mut self, cap: CapId, to: CapId) {
        let to = if self.resolve(to) == cap {
            self.release_cap(to);
            self.new_cap(CapKind::Broken(Exception::failed(
                "a promise was resolved to itself",
            )))
        } else {
            to
        };
        let end = self.resolve(to);
        let Some(entry) = self.caps.get_mut(cap.0) else {
            self.release_cap(to);
            return;
        };
        let old = core::mem::replace(&mut entry.kind, CapKind::Resolved(to));
        if let Some(stream) = entry.stream.take() {
            self.move_stream(stream, end);
        }
        if let CapKind::Promise { queue, held } = old {
            if let Some(held) = held {
                self.release_cap(held);
            }
            for queued in queue {
                match queued {
                    Queued::Made { call, params, caps } => self.route(call, end, params, caps),
                    Queued::Received {
                        answer,
                        interface_id,
                        method_id,
                        params,
                    } => {
                        self.deliver(answer, end, interface_id, method_id, params);
                    }
                }
                self.release_cap(cap);
            }
        }
    }

    /// Like [`resolve_to`](Self::resolve_to) for a promise that the peer of `connection` made true.
    /// `via` is how calls reached it so far. When calls went out that way and the way from now on
    /// does not lead through the same connection, later ones have to wait until the peer has sent
    /// the earlier ones back, or they would overtake them.
    pub(super) fn settle(&mut self, cap: CapId, to: CapId, connection: ConnectionId, via: Target) {
        let used = match self.kind(cap) {
            Some(CapKind::Answer { used, .. } | CapKind::Import { used, .. }) => *used,
            _ => false,
        };
        let end = self.resolve(to);
        let same_way = match self.kind(end) {
            Some(CapKind::Import {
                connection: other, ..
            }) => *other == connection,
            Some(CapKind::Answer { call, .. }) => {
                self.connection_of_call(*call) == Some(connection)
            }
            Some(CapKind::Broken(_)) | None => true,
            Some(CapKind::Local(_) | CapKind::Promise { .. } | CapKind::Resolved(_)) => false,
        };
        if !used || same_way {
            self.resolve_to(cap, to);
            return;
        }
        let Some(embargo) = self
            .connections
            .get_mut(connection.0)
            .map(|c| c.embargoes.insert(cap))
        else {
            self.resolve_to(cap, to);
            return;
        };
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.kind = CapKind::Promise {
                queue: VecDeque::new(),
                held: Some(to),
            };
        }
        self.transmit(
            connection,
            wire::disembargo_ask(&via, EmbargoId(wire_index(embargo))),
        );
    }

    /// The peer has sent back every call that went before the embargo.
    pub(super) fn lift_embargo(&mut self, cap: CapId) {
        let Some(Cap {
            kind: CapKind::Promise { held, .. },
            ..
        }) = self.caps.get_mut(cap.0)
        else {
            return;
        };
        if let Some(to) = held.take() {
            self.resolve_to(cap, to);
        }
    }

    // ---- naming capabilities to a peer, and understanding its names ----

    /// How to name `cap` in a message on `connection`. What has to be exported is, with one more
    /// reference on the peer's account.
    pub(super) fn describe(&mut self, connection: ConnectionId, cap: Option<CapId>) -> Descriptor {
        let Some(cap) = cap.map(|cap| self.resolve(cap)) else {
            return Descriptor::None;
        };
        match self.kind(cap) {
            None => return Descriptor::None,
            Some(CapKind::Import {
                connection: other,
                import,
                ..
            }) if *other == connection => {
                return Descriptor::ReceiverHosted(import.0);
            }
            Some(CapKind::Answer { call, path, .. }) => {
                if let Some(question) = self.open_question(*call, connection) {
                    return Descriptor::ReceiverAnswer {
                        question: question.0,
                        path: path.to_vec(),
                    };
                }
            }
            Some(_) => {}
        }
        let Some(table) = self.connections.get_mut(connection.0) else {
            return Descriptor::None;
        };
        if let Some(id) = table.export_by_cap.get(&cap)
            && let Some(export) = table.exports.get_mut(*id as usize)
        {
            export.refs = export.refs.saturating_add(1);
            return Descriptor::SenderHosted(*id);
        }
        let id = wire_index(table.exports.insert(Export { cap, refs: 1 }));
        table.export_by_cap.insert(cap, id);
        self.retain_cap(cap);
        Descriptor::SenderHosted(id)
    }

    /// The capability that the peer of `connection` names so, as one reference.
    pub(super) fn understand(
        &mut self,
        connection: ConnectionId,
        descriptor: &Descriptor,
    ) -> Result<Option<CapId>, Exception> {
        match descriptor {
            Descriptor::None => Ok(None),
            Descriptor::SenderHosted(id) | Descriptor::SenderPromise(id) => {
                Ok(Some(self.import(connection, ImportId(*id))))
            }
            Descriptor::ReceiverHosted(id) => {
                let cap = self.exported(connection, *id)?;
                Ok(Some(self.retain_cap(cap)))
            }
            Descriptor::ReceiverAnswer { question, path } => {
                Ok(Some(self.promised(connection, *question, path)))
            }
        }
    }

    fn import(&mut self, connection: ConnectionId, import: ImportId) -> CapId {
        if let Some(entry) = self
            .connections
            .get_mut(connection.0)
            .and_then(|c| c.imports.get_mut(&import))
        {
            entry.remote_refs = entry.remote_refs.saturating_add(1);
            let cap = entry.cap;
            return self.retain_cap(cap);
        }
        let cap = self.new_cap(CapKind::Import {
            connection,
            import,
            used: false,
        });
        if let Some(table) = self.connections.get_mut(connection.0) {
            table.imports.insert(
                import,
                Import {
                    cap,
                    remote_refs: 1,
                },
            );
        }
        cap
    }

    pub(super) fn exported(&self, connection: ConnectionId, id: u32) -> Result<CapId, Exception> {
        self.connections
            .get(connection.0)
            .and_then(|c| c.exports.get(id as usize))
            .map(|export| export.cap)
            .ok_or_else(|| {
                protocol_error(format_args!(
                    "it names export {id}, which does not exist or was released"
                ))
            })
    }

    pub(super) fn release_export(
        &mut self,
        connection: ConnectionId,
        id: u32,
        count: u32,
    ) -> Result<(), Exception> {
        let Some(table) = self.connections.get_mut(connection.0) else {
            return Ok(());
        };
        let Some(export) = table.exports.get_mut(id as usize) else {
            return Err(protocol_error(format_args!(
                "it released export {id}, which does not exist"
            )));
        };
        export.refs = export.refs.checked_sub(count).ok_or_else(|| {
            protocol_error(format_args!(
                "it released export {id} more often than it received it"
            ))
        })?;
        if export.refs == 0 {
            let cap = export.cap;
            table.exports.remove(id as usize);
            table.export_by_cap.remove(&cap);
            self.release_cap(cap);
        }
        Ok(())
    }

    // ---- streams ----

    /// The stream of calls to `cap`, which is resolved; a new one if there was none.
    pub(super) fn stream_of(&mut self, cap: CapId) -> StreamId {
        if let Some(stream) = self.caps.get(cap.0).and_then(|cap| cap.stream) {
            return stream;
        }
        let connection = self.connection_of_cap(cap);
        let control = self.flow_control_of(connection);
        let stream = StreamId(self.streams.insert(StreamSlot {
            flow: Stream::new(control),
            connection,
            refs: 0,
        }));
        self.attach_stream(stream, cap);
        stream
    }

    pub(super) fn retain_stream(&mut self, stream: StreamId) {
        if let Some(slot) = self.streams.get_mut(stream.0) {
            slot.refs += 1;
        }
    }

    pub(super) fn release_stream(&mut self, stream: StreamId) {
        let Some(slot) = self.streams.get_mut(stream.0) else {
            return;
        };
        slot.refs = slot.refs.saturating_sub(1);
        if slot.refs == 0 {
            self.streams.remove(stream.0);
        }
    }

    pub(super) fn connection_of_cap(&self, cap: CapId) -> Option<ConnectionId> {
        match self.kind(cap)? {
            CapKind::Import { connection, .. } => Some(*connection),
            CapKind::Answer { call, .. } => self.connection_of_call(*call),
            _ => None,
        }
    }

    fn attach_stream(&mut self, stream: StreamId, cap: CapId) {
        if let Some(entry) = self.caps.get_mut(cap.0) {
            entry.stream = Some(stream);
            self.retain_stream(stream);
        }
    }

    /// Takes a promise's stream along to what it turned out to be, with the promise's reference.
    fn move_stream(&mut self, stream: StreamId, to: CapId) {
        match self.caps.get(to.0).and_then(|cap| cap.stream) {
            Some(existing) => {
                // Two promises led to one object: what failed one of them fails the object.
                let error = self
                    .streams
                    .get(stream.0)
                    .and_then(|slot| slot.flow.error().cloned());
                if let (Some(error), Some(slot)) = (error, self.streams.get_mut(existing.0)) {
                    slot.flow.fail(error);
                }
            }
            None => {
                let connection = self.connection_of_cap(to);
                let control = self.flow_control_of(connection);
                if let Some(slot) = self.streams.get_mut(stream.0) {
                    slot.connection = connection.or(slot.connection);
                    slot.flow.set_control(control);
                }
                self.attach_stream(stream, to);
            }
        }
        self.release_stream(stream);
    }

    fn flow_control_of(&self, connection: Option<ConnectionId>) -> FlowControl {
        connection
            .and_then(|id| self.connections.get(id.0))
            .map_or(FlowControl::DEFAULT, |connection| {
                connection.options.flow_control
            })
    }
}

/// Table indexes are far below 2^32: each entry takes tens of bytes.
pub(super) fn wire_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

pub(super) fn protocol_error(what: core::fmt::Arguments<'_>) -> Exception {
    Exception::failed(format!(
        "the peer broke the Cap'n Proto RPC protocol: {what}"
    ))
}
