//! Capabilities in results that have not arrived yet.

use std::sync::Arc;

use crate::client::Client;
use crate::request::CallHandle;
use crate::vat::PipelineOp;

/// The results of a call before it returns, by way of the pointer fields in them.
///
/// A client from here can be called at once: such calls travel right behind the one they depend
/// on, without waiting for its answer.
#[derive(Clone)]
pub struct AnyPipeline {
    call: Arc<CallHandle>,
    path: Vec<PipelineOp>,
}

impl AnyPipeline {
    pub(crate) fn root(call: Arc<CallHandle>) -> Self {
        Self {
            call,
            path: Vec::new(),
        }
    }

    /// What is behind the pointer in this slot of the struct.
    #[must_use]
    pub fn get_pointer_field(&self, index: u16) -> AnyPipeline {
        let mut path = Vec::with_capacity(self.path.len() + 1);
        path.extend_from_slice(&self.path);
        path.push(PipelineOp::GetPointerField(index));
        Self {
            call: Arc::clone(&self.call),
            path,
        }
    }

    /// The capability here. If the call fails, or has something else here, its calls fail.
    #[must_use]
    pub fn as_client(&self) -> Client {
        self.call.pipelined_client(&self.path)
    }
}

/// A generated pipeline around an [`AnyPipeline`].
pub trait FromTypelessPipeline {
    /// Gives results that have not arrived their type.
    fn new(typeless: AnyPipeline) -> Self;
}

/// A type that can be the result of a call.
pub trait Pipelined {
    /// Its fields while the call is still running.
    type Pipeline: FromTypelessPipeline;
}

impl FromTypelessPipeline for AnyPipeline {
    fn new(typeless: AnyPipeline) -> Self {
        typeless
    }
}

impl Pipelined for capstan_message::any_pointer::Owned {
    type Pipeline = AnyPipeline;
}
