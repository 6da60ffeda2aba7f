//! Bodies that are sent.

use core::pin::pin;
use std::future::poll_fn;

use bytes::Buf;
use capstan_rpc::{Error, ErrorKind};

use crate::byte_stream_capnp::byte_stream;

/// Any error of a service's or a body's.
pub(crate) type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// Whose failure it was.
pub(crate) enum SendError {
    /// Of the body.
    Ours(Error),
    /// Of whoever was to take it, or of the way there.
    Theirs(Error),
}

/// What one call carries.
const CHUNK_BYTES: usize = 64 * 1024;

/// Sends a body and its end; with a length, exactly so many bytes. Trailers are dropped.
pub(crate) async fn send_body<B>(
    body: B,
    to: byte_stream::Client,
    length: Option<u64>,
    name: &'static str,
) -> Result<(), SendError>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut sent: u64 = 0;
    // The body's own errors need not be for several threads.
    while let Some(frame) = poll_fn(|cx| {
        let frame = body.as_mut().poll_frame(cx);
        frame.map_err(|error| to_error(error.into()))
    })
    .await
    {
        let frame = frame.map_err(SendError::Ours)?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        sent += data.remaining() as u64;
        if let Some(length) = length.filter(|length| sent > *length) {
            return Err(SendError::Ours(Error::failed(format!(
                "{name} has more than the {length} bytes that were announced"
            ))));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            let count = chunk.len().min(CHUNK_BYTES);
            let mut request = to.write_request();
            request.get().set_bytes(chunk.get(..count).unwrap_or(chunk));
            data.advance(count);
            request.send().await.map_err(SendError::Theirs)?;
        }
    }
    if let Some(length) = length.filter(|length| sent < *length) {
        return Err(SendError::Ours(Error::failed(format!(
            "{name} has only {sent} of the {length} bytes that were announced"
        ))));
    }
    to.end_request()
        .send()
        .promise
        .await
        .map(drop)
        .map_err(SendError::Theirs)
}

/// An error as it can travel: one that came by a call stays what it was.
pub(crate) fn to_error(error: BoxError) -> Error {
    let mut source: Option<&(dyn core::error::Error + 'static)> = Some(&*error);
    while let Some(each) = source {
        if let Some(error) = each.downcast_ref::<Error>() {
            return error.clone();
        }
        source = each.source();
    }
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(each) = source {
        reason = format!("{reason}: {each}");
        source = each.source();
    }
    Error::new(ErrorKind::Failed, reason)
}
