//! What commands share that go on until they are asked to end.

use std::io::{self, ErrorKind, IsTerminal};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;
use crate::host::Host;

/// Ready when the process is to end in good order.
pub(crate) type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs `work` to its end, for which it is asked by SIGTERM or SIGINT. A second signal does not wait for that.
pub(crate) fn run<F>(
    command: &str,
    host: &dyn Host,
    work: impl FnOnce(End) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("{command}: cannot start threads: {error}"))?;
    runtime.block_on(async {
        let mut signals = Signals::new()
            .map_err(|error| format!("{command}: cannot wait for signals: {error}"))?;
        let (ask, asked) = tokio::sync::oneshot::channel::<()>();
        let mut work = pin!(work(Box::pin(async {
            let _ = asked.await;
        })));
        tokio::select! {
            ended = &mut work => return ended,
            _ = signals.next() => drop(ask),
        }
        // Where nothing is under way there is nothing to tell.
        tokio::select! {
            ended = &mut work => return ended,
            signal = signals.next() => return Err(Failure::Killed(signal)),
            () = tokio::time::sleep(UNREMARKABLE) => {}
        }
        host.report(&format!(
            "{command}: waiting for what is under way; a second signal ends it at once\n"
        ));
        tokio::select! {
            ended = &mut work => ended,
            signal = signals.next() => Err(Failure::Killed(signal)),
        }
    })
}

const UNREMARKABLE: Duration = Duration::from_millis(200);

/// Lets warnings be seen, or what `RUST_LOG` asks for, such as `capstan_net=debug`.
fn log() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .from_env_lossy();
    // Who calls this a second time has a log already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .try_init();
}

/// Listens on `address`, such as `127.0.0.1:8080`; also gives where that is, which names the port if it was 0.
pub(crate) async fn bind(
    command: &str,
    address: &str,
) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: io::Error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "; another program listens there: end it, or take another port",
            ErrorKind::AddrNotAvailable => {
                "; this machine has no such address: 127.0.0.1 is for itself alone, and 0.0.0.0 or [::] for all networks"
            }
            ErrorKind::PermissionDenied => "; ports below 1024 are for the system: take another",
            // Names that cannot be looked up have no kind of their own.
            _ => {
                "; name an address of this machine and a port, such as 127.0.0.1:8080 or [::1]:8080"
            }
        };
        format!("{command}: cannot listen on {address}: {error}{advice}")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.interrupt.recv() => 2,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        let _ = tokio::signal::ctrl_c().await;
        2
    }
}
