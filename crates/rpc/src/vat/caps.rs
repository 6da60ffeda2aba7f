//! The capability table: what each id stands for, its references, and its names on the wire.

use super::connection::{Export, Import};
use super::objects::Object;
use super::promises::{Promise, SourceOf};
use super::tasks::Task;
use super::watching::Watcher;
use super::wire::{self, Descriptor};
use super::{
    CallId, CapId, ConnectionId, Event, Exception, ImportId, ObjectId, PipelineOp, StreamId, Vat,
};

#[derive(Debug)]
pub(super) struct Cap {
    pub(super) refs: u32,
    pub(super) kind: CapKind,
    pub(super) stream: Option<StreamId>,
    /// Who is to be told what it turns out to be, while that is not known.
    pub(super) watchers: Vec<Watcher>,
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
        /// The peer will say what it is.
        promise: bool,
    },
    /// Part of the results of a call that is on its way to a peer.
    Answer {
        call: CallId,
        path: Box<[PipelineOp]>,
        used: bool,
    },
    Promise(Promise),
    Resolved(CapId),
}

impl Vat {
    pub(super) fn new_cap(&mut self, kind: CapKind) -> CapId {
        CapId(self.caps.insert(Cap::new(kind)))
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

    /// Like [`resolve`](Self::resolve), and lets each step of the way lead to its end from now on.
    pub(super) fn shorten(&mut self, cap: CapId) -> CapId {
        let end = self.resolve(cap);
        let mut at = cap;
        while let Some(Cap {
            kind: CapKind::Resolved(to),
            ..
        }) = self.caps.get_mut(at.0)
            && *to != end
        {
            at = core::mem::replace(to, end);
            self.retain_cap(end);
            self.release_cap(at);
        }
        end
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

    /// Lets one reference go; what only it held goes later.
    pub(super) fn release_cap(&mut self, cap: CapId) {
        let Some(entry) = self.caps.get_mut(cap.0) else {
            return;
        };
        entry.refs = entry.refs.saturating_sub(1);
        if entry.refs == 0 {
            self.spawn(Task::Drop(cap));
        }
    }

    /// Lets go of a capability, unless someone has taken a reference again.
    pub(super) fn drop_cap(&mut self, cap: CapId) {
        if self.caps.get(cap.0).is_none_or(|entry| entry.refs > 0) {
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
            CapKind::Answer { call, path, .. } => self.on_pipelined_released(call, &path),
            // Nothing waits in it: what waits holds a reference. Nor is it under embargo.
            CapKind::Promise(promise) => match promise.source.map(|from| (from.of, from.path)) {
                Some((SourceOf::Call(call), path)) => self.on_pipelined_released(call, &path),
                Some((SourceOf::Answer(answer), path)) => self.on_promised_released(answer, &path),
                None => {}
            },
            CapKind::Resolved(to) => self.release_cap(to),
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

    // ---- naming capabilities to a peer, and understanding its names ----

    /// How to name `cap` in a message on `connection`. What has to be exported is, with one more
    /// reference on the peer's account.
    pub(super) fn describe(&mut self, connection: ConnectionId, cap: Option<CapId>) -> Descriptor {
        let Some(cap) = cap.map(|cap| self.shorten(cap)) else {
            return Descriptor::None;
        };
        if self.kind(cap).is_none() {
            return Descriptor::None;
        }
        if let Some(descriptor) = self.leads_to(connection, cap) {
            return descriptor;
        }
        let promise = self.is_unresolved(cap);
        let Some(table) = self.connections.get_mut(connection.0) else {
            return Descriptor::None;
        };
        if let Some(id) = table.export_by_cap.get(&cap)
            && let Some(export) = table.exports.get_mut(*id as usize)
        {
            export.refs = export.refs.saturating_add(1);
            return if export.promise {
                Descriptor::SenderPromise(*id)
            } else {
                Descriptor::SenderHosted(*id)
            };
        }
        let export = Export {
            cap,
            refs: 1,
            promise,
        };
        let id = wire_index(table.exports.insert(export));
        table.export_by_cap.insert(cap, id);
        self.retain_cap(cap);
        if !promise {
            return Descriptor::SenderHosted(id);
        }
        let export = id;
        self.add_watcher(cap, Watcher::Peer { connection, export });
        Descriptor::SenderPromise(id)
    }

    /// The capability that the peer of `connection` names so, as one reference.
    pub(super) fn understand(
        &mut self,
        connection: ConnectionId,
        descriptor: &Descriptor,
    ) -> Result<Option<CapId>, Exception> {
        match descriptor {
            Descriptor::None => Ok(None),
            Descriptor::SenderHosted(id) => Ok(Some(self.import(connection, ImportId(*id), false))),
            Descriptor::SenderPromise(id) => Ok(Some(self.import(connection, ImportId(*id), true))),
            Descriptor::ReceiverHosted(id) => {
                let cap = self.exported(connection, *id)?;
                Ok(Some(self.retain_cap(cap)))
            }
            Descriptor::ReceiverAnswer { question, path } => {
                Ok(Some(self.promised(connection, *question, path)))
            }
        }
    }

    /// The same for a whole table; when one is wrong, none is kept.
    pub(super) fn understand_all(
        &mut self,
        connection: ConnectionId,
        descriptors: &[Descriptor],
    ) -> Result<Vec<Option<CapId>>, Exception> {
        let mut caps = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            match self.understand(connection, descriptor) {
                Ok(cap) => caps.push(cap),
                Err(error) => {
                    self.release_all(caps);
                    return Err(error);
                }
            }
        }
        Ok(caps)
    }

    fn import(&mut self, connection: ConnectionId, import: ImportId, promise: bool) -> CapId {
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
            promise,
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
            let Export { cap, promise, .. } = table.exports.remove(id as usize);
            if table.export_by_cap.get(&cap) == Some(&id) {
                table.export_by_cap.remove(&cap);
            }
            if promise {
                self.unwatch(connection, id, cap);
            }
            self.release_cap(cap);
        }
        Ok(())
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
