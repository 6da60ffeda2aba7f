//! What both networks need of tokio.

use std::hint::black_box;
use std::io;
use std::sync::Once;

use capstan_rpc::{BoxFuture, Runtime};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// A runtime on the tokio runtime that this is called in. Connections share it by way of
/// [`Options::with_runtime`](crate::Options::with_runtime).
///
/// # Panics
/// Outside of a tokio runtime.
#[must_use]
pub fn runtime() -> Runtime {
    let tokio = Handle::current();
    Runtime::new(move |task: BoxFuture<()>| {
        tokio.spawn(task);
    })
}

/// Lets small writes leave at once, and keeps in this process what cannot leave, where streams wait for it.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    keep_memory();
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES) {
        // It works without, with more in the socket's buffer.
        tracing::debug!(%error, "the socket does not limit what is unsent");
    }
    Ok(())
}

/// Lets the memory of one message serve the next. The GNU C library returns what is free at the end of its heap to the
/// system when that is more than 128 KiB, two chunks of a stream, and gets it back a page at a time: a third of what a
/// fast stream costs. Once it has seen a longer block come and go, it keeps up to twice as much.
fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(KEPT_BYTES / 2))));
}

/// How much the kernel takes beyond what the line takes. A fast line needs so much until this process
/// gets around to giving more.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 256 * 1024;

/// More than streams have in flight on one computer or in one house.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
