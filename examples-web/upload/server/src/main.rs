//! `upload-server`: started by `npm run demo`, or by hand to try the page out.

use std::future::IntoFuture;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use capstan_net::capstan_rpc::flow::FlowControl;
use capstan_net::websocket::Endpoint;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use upload_server::events::{Events, print_line};
use upload_server::files::{FilesService, Shared};
use upload_server::files_capnp::files;
use upload_server::http;

/// Serves the upload page on the loopback address.
#[derive(Parser)]
struct Options {
    /// Port to listen on; 0 picks a free one, and the first line printed names it.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Directory with the built page.
    #[arg(long)]
    assets: PathBuf,
    /// File that /demo-file serves, for the page to send back.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Flow-control window of the streams this server sends, in bytes; without it, the window adapts.
    #[arg(long)]
    window: Option<u64>,
    /// Microseconds that every write takes longer.
    #[arg(long, default_value_t = 0)]
    delay_micros: u64,
    /// Bytes per second that each upload is taken at; the page can change it.
    #[arg(long)]
    pace: Option<u64>,
    /// Directory that uploads are written to.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Bytes of memory for uploads that can be read back; larger files are taken and not kept.
    #[arg(long, default_value_t = 32 << 20)]
    keep: u64,
    /// Also serve Files over TCP (no WebSocket) on this port of the loopback address.
    #[arg(long)]
    tcp_port: Option<u16>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("upload-server: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    check_files(&options)?;
    let mut shared = Shared::new(options.keep, Events::printed());
    shared.delay = Duration::from_micros(options.delay_micros);
    shared.save_dir = options.save;
    shared.pace.set(options.pace.filter(|pace| *pace > 0));
    let shared = Arc::new(shared);
    let bootstrap: files::Client = capstan_rpc::new_client(FilesService::new(shared.clone()));
    // Both networks serve the same objects, so they have to share a runtime.
    let rpc_options = capstan_net::Options::default()
        .with_runtime(&capstan_net::runtime())
        .with_flow_control(
            options
                .window
                .map_or(FlowControl::Adaptive, FlowControl::Fixed),
        );
    let rpc_options = capstan_net::Options {
        drain_timeout: DRAIN,
        ..rpc_options
    };

    let endpoint = Endpoint::new(rpc_options.clone());
    let rpc = http::rpc_route(bootstrap.clone(), endpoint.clone());
    let routes = http::routes(shared, &options.assets, options.file).merge(rpc);
    let mut signals = Signals::new()?;
    let listener = listen(options.port).await?;
    let tcp = match options.tcp_port {
        Some(port) => Some(listen(port).await?),
        None => None,
    };
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (end, ending) = tokio::sync::oneshot::channel::<()>();
    let serve_tcp = async {
        let ending = async {
            let _ = ending.await;
        };
        match tcp {
            Some(listener) => {
                let bootstrap = move |_| bootstrap.clone();
                capstan_net::tcp::serve_until(listener, rpc_options, bootstrap, ending).await
            }
            None => {
                ending.await;
                Ok(0)
            }
        }
    };
    let mut serve_tcp = pin!(serve_tcp);
    // Acknowledgements are small, and every one of them lets the sender go on.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("cannot set TCP_NODELAY: {error}");
        }
    });
    // The kernel queues connections from here on.
    print_line(&format!("listening http://{address}"));
    tokio::select! {
        served = axum::serve(listener, routes).into_future() => return served.map_err(|error| error.to_string()),
        served = &mut serve_tcp => return served.map(drop).map_err(|error| error.to_string()),
        () = signals.next() => {}
    }
    drop(end);
    // What is being sent may be sent to its end, and nothing else is taken.
    let drained = async { tokio::join!(endpoint.drain(DRAIN), serve_tcp) };
    tokio::select! {
        (cut_off, served) = drained => {
            let cut_off = cut_off + served.map_err(|error| error.to_string())?;
            if cut_off > 0 {
                eprintln!("upload-server: connections that were cut off since they took too long: {cut_off}");
            }
            Ok(())
        }
        () = signals.next() => Err("ended at once, as it was asked twice".to_owned()),
    }
}

/// How long uploads may go on when the server is asked to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Says at once what would otherwise be a puzzle in the browser.
fn check_files(options: &Options) -> Result<(), String> {
    let index = options.assets.join("index.html");
    if !index.is_file() {
        return Err(format!(
            "{} is not there: build the page with `npx vite build` in examples-web/upload, and name its output with --assets",
            index.display()
        ));
    }
    if let Some(path) = &options.file {
        let opened = std::fs::File::open(path).and_then(|file| file.metadata());
        let metadata =
            opened.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if !metadata.is_file() {
            return Err(format!("cannot read {}: it is not a file", path.display()));
        }
    }
    if let Some(dir) = options.save.as_ref().filter(|dir| !dir.is_dir()) {
        return Err(format!("--save {}: it is not a directory", dir.display()));
    }
    Ok(())
}

async fn listen(port: u16) -> Result<TcpListener, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on port {port} of 127.0.0.1: {error}"))
}

/// The process being asked to end, by SIGTERM or SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|error| format!("cannot wait for signals: {error}"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
