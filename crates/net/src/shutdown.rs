//! Ending a server without cutting off what its clients are doing.

use std::time::Duration;

use tokio::sync::watch;

/// What a server expects of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// To end when they have nothing under way.
    Draining,
    /// To end.
    Over,
}

/// A server's side.
#[derive(Debug)]
pub(crate) struct Shutdown {
    phase: watch::Sender<Phase>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// For a connection, which counts until it drops it; none when no more are to begin.
    pub(crate) fn subscribe(&self) -> Option<Notice> {
        let phase = self.phase.subscribe();
        let serving = *phase.borrow() == Phase::Serving;
        serving.then_some(Notice { phase })
    }

    pub(crate) fn connections(&self) -> usize {
        self.phase.receiver_count()
    }

    /// Has connections end as they become idle, and all that are left after `limit`: how many those were.
    pub(crate) async fn drain(&self, limit: Duration) -> usize {
        let advance = |to: Phase| self.phase.send_modify(|phase| *phase = to.max(*phase));
        advance(Phase::Draining);
        tracing::debug!(connections = self.connections(), "draining");
        if tokio::time::timeout(limit, self.phase.closed())
            .await
            .is_ok()
        {
            return 0;
        }
        let left = self.connections();
        tracing::warn!(connections = left, "cut off what was under way");
        advance(Phase::Over);
        self.phase.closed().await;
        left
    }
}

/// A connection's side.
#[derive(Debug)]
pub(crate) struct Notice {
    phase: watch::Receiver<Phase>,
}

impl Notice {
    /// Ready when the server is in this phase or a later one.
    pub(crate) async fn reached(&mut self, phase: Phase) {
        if self.phase.wait_for(|now| *now >= phase).await.is_err() {
            // A server that is dropped takes its connections along, or leaves them alone.
            std::future::pending().await
        }
    }
}
