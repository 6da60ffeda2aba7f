//! What happens to uploads: told to the terminal line by line, and remembered for the page.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// So many of the latest uploads can be asked for, and all that are not over.
const REMEMBERED: usize = 50;

/// One upload, as far as it got.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: u64,
    pub name: String,
    /// What the sender announced.
    pub size_bytes: u64,
    pub received_bytes: u64,
    pub state: UploadState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState {
    Receiving,
    Done { sha256: String },
    Partial { reason: String },
}

/// Keeps account of uploads.
#[derive(Debug, Default)]
pub struct Events {
    uploads: Mutex<VecDeque<Upload>>,
    /// Whether each event is also a line of JSON on stdout.
    print: bool,
}

impl Events {
    /// Events that are remembered and not printed.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Events that are also printed on stdout.
    pub fn printed() -> Self {
        Self {
            print: true,
            ..Self::default()
        }
    }

    pub fn started(&self, id: u64, name: &str, size_bytes: u64) {
        let mut uploads = self.lock();
        if uploads.len() >= REMEMBERED {
            // Those that are not over yet are to be told of when they are.
            let over = |upload: &Upload| upload.state != UploadState::Receiving;
            if let Some(oldest) = uploads.iter().position(over) {
                uploads.remove(oldest);
            }
        }
        uploads.push_back(Upload {
            id,
            name: name.to_owned(),
            size_bytes,
            received_bytes: 0,
            state: UploadState::Receiving,
        });
        drop(uploads);
        self.print(|| json!({ "event": "upload_started", "name": name, "size": size_bytes }));
    }

    pub fn received(&self, id: u64, received_bytes: u64) {
        self.update(id, |upload| upload.received_bytes = received_bytes);
    }

    pub fn done(&self, id: u64, sha256: String, seconds: f64) {
        let state = UploadState::Done {
            sha256: sha256.clone(),
        };
        if let Some(upload) = self.update(id, |upload| upload.state = state) {
            self.print(|| {
                json!({
                    "event": "upload_done", "name": upload.name, "bytes": upload.received_bytes,
                    "size": upload.size_bytes, "sha256": sha256, "seconds": seconds,
                })
            });
        }
    }

    pub fn partial(&self, id: u64, reason: String) {
        let state = UploadState::Partial {
            reason: reason.clone(),
        };
        if let Some(upload) = self.update(id, |upload| upload.state = state) {
            self.print(|| {
                json!({
                    "event": "upload_partial", "name": upload.name, "bytes": upload.received_bytes,
                    "size": upload.size_bytes, "reason": reason,
                })
            });
        }
    }

    /// The latest uploads, oldest first.
    pub fn uploads(&self) -> Vec<Upload> {
        self.lock().iter().cloned().collect()
    }

    /// The latest uploads as the page gets them.
    pub fn to_json(&self) -> Value {
        let upload = |upload: &Upload| {
            let (state, sha256, reason) = match &upload.state {
                UploadState::Receiving => ("receiving", None, None),
                UploadState::Done { sha256 } => ("done", Some(sha256), None),
                UploadState::Partial { reason } => ("partial", None, Some(reason)),
            };
            json!({
                "id": upload.id, "name": upload.name, "size": upload.size_bytes,
                "received": upload.received_bytes, "state": state, "sha256": sha256, "reason": reason,
            })
        };
        self.lock().iter().map(upload).collect()
    }

    fn update(&self, id: u64, change: impl FnOnce(&mut Upload)) -> Option<Upload> {
        let mut uploads = self.lock();
        let upload = uploads.iter_mut().rev().find(|upload| upload.id == id)?;
        change(upload);
        Some(upload.clone())
    }

    fn print(&self, event: impl FnOnce() -> Value) {
        if self.print {
            print_line(&json!({ "server": event() }).to_string());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line to stdout at once. A reader that went away is no reason to stop serving.
pub fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_outlasts_many_others_is_not_forgotten() {
        let events = Events::quiet();
        events.started(0, "long", 1);
        for id in 1..200 {
            events.started(id, "short", 1);
            events.done(id, String::new(), 0.0);
        }
        events.received(0, 1);
        assert_eq!(events.uploads().len(), REMEMBERED);
        assert_eq!(
            events.uploads().first().map(|upload| upload.received_bytes),
            Some(1)
        );
    }
}
