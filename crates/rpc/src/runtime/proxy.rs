//! Capabilities of one runtime in another.

use std::sync::Arc;

use crate::BoxFuture;
use crate::client::Client;
use crate::error::Result;
use crate::observer::MethodName;
use crate::server::{Dispatch, RawParams, RawResults};

/// An object that passes its calls on to a client of another runtime.
///
/// Calls keep their order, since each is made in the first poll of its future. None waits for
/// another, streamed or not: that is for the object at the end of the way to decide.
pub(super) struct Proxy {
    client: Client,
}

impl Proxy {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Dispatch for Proxy {
    fn dispatch(
        self: Arc<Self>,
        interface_id: u64,
        method_id: u16,
        params: RawParams,
        mut results: RawResults,
    ) -> BoxFuture<Result<()>> {
        Box::pin(async move {
            let request = params.pass_on(&self.client, interface_id, method_id)?;
            let response = request.send().promise.await?;
            results.get().set_as(response.get()?)?;
            Ok(())
        })
    }

    fn streaming_methods(&self) -> &'static [(u64, u16)] {
        &[]
    }

    fn concurrent(&self) -> bool {
        true
    }

    fn method_name(&self, interface_id: u64, method_id: u16) -> Option<MethodName> {
        let target = self.client.local_dispatch()?;
        target.method_name(interface_id, method_id)
    }
}
