//! `examples-server`: the pages of `examples-web`, and the object behind each of them.
//!
//! One program for four examples, whose objects are in a module each.

mod chat;
mod http;
mod logs;
mod pipeline;

use std::future::IntoFuture;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use capstan_net::Options;
use capstan_net::websocket::Endpoint;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tower_http::services::ServeDir;

capstan_rpc::generated_code!(mod cabinet_capnp);
capstan_rpc::generated_code!(mod chat_capnp);
capstan_rpc::generated_code!(mod log_capnp);

/// Who is silent for so long is asked for a sign of life; after as long again, they are gone.
const IDLE: Duration = Duration::from_secs(20);

/// How long streams may go on when the server is asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves the examples on the loopback address.
#[derive(Parser)]
struct Arguments {
    /// Port to listen on; 0 picks a free one, and the first line printed names it.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Directory with the built pages.
    #[arg(long)]
    assets: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("examples-server: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { port, assets }: Arguments) -> Result<(), String> {
    if !assets.join("chat/index.html").is_file() {
        return Err(format!(
            "{} has no pages in it: build them with `npx vite build examples-web`, and name its output with --assets",
            assets.display()
        ));
    }
    let rpc = Endpoint::new(Options {
        idle_timeout: Some(IDLE),
        ..Options::default()
    });
    let cabinet = pipeline::cabinet();
    let room = chat::room();
    let site = http::site();
    let logs = logs::logs();
    let routes = Router::new()
        .route("/pipeline/rpc", rpc.route(move |_| cabinet.clone()))
        .route("/chat/rpc", rpc.route(move |_| room.clone()))
        .route("/http/rpc", rpc.route(move |_| site.clone()))
        .route("/log-viewer/rpc", rpc.route(move |_| logs.clone()))
        .fallback_service(ServeDir::new(assets));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on port {port} of 127.0.0.1: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|stream| {
        // Without it, small messages wait for each other's acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    let mut signals = Signals::new()?;
    println!("listening http://{address}");
    tokio::select! {
        served = axum::serve(listener, routes).into_future() => return served.map_err(|error| error.to_string()),
        () = signals.next() => {}
    }
    tokio::select! {
        cut_off = rpc.drain(DRAIN) => {
            if cut_off > 0 {
                eprintln!("examples-server: connections that were cut off since they took too long: {cut_off}");
            }
            Ok(())
        }
        () = signals.next() => Err("ended at once, as it was asked twice".to_owned()),
    }
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
