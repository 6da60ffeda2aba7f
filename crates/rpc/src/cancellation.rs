//! What tells a method that its call was canceled.

use core::fmt;
use std::sync::Arc;

use capstan_message::capability::MaybeSend;

use crate::moment::Moment;

/// Tells that nobody wants the results of a call any more: its caller gave it up or is gone.
///
/// A method that waits learns of this by being dropped where it waits, which drops what it holds. The
/// token is for what goes on elsewhere on its behalf, such as tasks and threads that it has started.
#[derive(Clone)]
pub struct CancellationToken {
    moment: Arc<Moment<()>>,
}

impl CancellationToken {
    pub(crate) fn new(moment: Arc<Moment<()>>) -> Self {
        Self { moment }
    }

    /// Of a call that has ended, it is too late.
    pub(crate) fn late() -> Self {
        let moment = Arc::<Moment<()>>::default();
        // Nobody waits for it yet.
        drop(moment.come(()));
        Self { moment }
    }

    /// Whether the caller has given the call up.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.moment.value().is_some()
    }

    /// Resolves when the call is canceled; never, if it ends by itself.
    pub fn canceled(&self) -> impl Future<Output = ()> + MaybeSend + use<> {
        self.moment.wait()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_canceled", &self.is_canceled())
            .finish()
    }
}
