//! `capstan gateway`.

use std::sync::Arc;
use std::time::Duration;

use capstan_net::gateway::{self, Options, Upstream};
use clap::Args;
use tokio::net::TcpListener;

use crate::host::Host;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where to wait for WebSocket clients. Port 0 takes a free one, which the first line of output names.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: String,

    /// The server: host:port, or unix:path for a Unix socket.
    #[arg(long, value_name = "HOST:PORT")]
    to: Upstream,

    /// Messages are packed between gateway and server; the server has to be set to the same.
    #[arg(long)]
    packed: bool,

    /// An origin whose pages may connect, such as https://example.com; may be given more than once.
    /// Without it, pages of any origin may.
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    origin: Vec<String>,

    /// The longest message in bytes, in either direction; KiB and MiB can be said.
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = bytes)]
    max_message: usize,

    /// How many clients may be connected at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    max_connections: usize,

    /// After how long a silent client is asked for a sign of life, and given up after as long again; 0 asks never.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    idle_timeout: u64,
}

/// Forwards until the process is asked to end, by SIGTERM or SIGINT.
pub(crate) fn run(arguments: Arguments, host: &dyn Host) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("capstan: cannot start threads: {error}"))?;
    runtime.block_on(forward(arguments, host))
}

async fn forward(arguments: Arguments, host: &dyn Host) -> Result<(), String> {
    let failed =
        |error: std::io::Error| format!("capstan: cannot listen on {}: {error}", arguments.listen);
    let listener = TcpListener::bind(&arguments.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // Signals that come from here on end the gateway in good order.
    let end = end_signal().map_err(|error| format!("capstan: cannot wait for signals: {error}"))?;
    let packed = if arguments.packed { " (packed)" } else { "" };
    let origins = match arguments.origin.as_slice() {
        [] => "any origin; --origin limits them".to_owned(),
        some => some.join(", "),
    };
    host.print(&format!(
        "listening ws://{address} -> {}{packed}, for pages of {origins}\n",
        arguments.to
    ));
    let options = Options {
        origins: (!arguments.origin.is_empty()).then_some(arguments.origin),
        packed: arguments.packed,
        max_message_bytes: arguments.max_message,
        max_connections: arguments.max_connections,
        idle_timeout: (arguments.idle_timeout > 0)
            .then(|| Duration::from_secs(arguments.idle_timeout)),
        report: Some(Arc::new(|line: &str| eprintln!("capstan gateway: {line}"))),
        ..Options::default()
    };
    gateway::serve(listener, arguments.to, options, end)
        .await
        .map_err(|error| format!("capstan: {error}"))
}

#[cfg(unix)]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    // What a page that was opened from a file or a data: address sends.
    if origin != "null" && (host.is_empty() || host.contains('/')) {
        return Err("an origin is a scheme and a host, such as https://example.com".to_owned());
    }
    Ok(origin.to_owned())
}

fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = if let Some(number) = text.strip_suffix("KiB") {
        (number, 1 << 10)
    } else if let Some(number) = text.strip_suffix("MiB") {
        (number, 1 << 20)
    } else {
        (text, 1)
    };
    let bytes = number.trim().parse::<usize>().ok();
    bytes
        .and_then(|number| number.checked_mul(unit))
        .filter(|bytes| *bytes >= 8)
        .ok_or_else(|| {
            "a message is 8 bytes at least: a number, such as 65536, 64KiB or 64MiB".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("65536"), Ok(65536));
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("2 MiB"), Ok(2 << 20));
        for wrong in ["", "7", "MiB", "64 GB", "-1", "99999999999999999999MiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_read() {
        assert_eq!(
            origin("https://example.com/"),
            Ok("https://example.com".to_owned())
        );
        assert_eq!(origin("null"), Ok("null".to_owned()));
        for wrong in ["example.com", "https://", "https://example.com/app"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
