//! A server as one deploys it: an axum application with RPC at `/rpc`, behind TLS, with logs and metrics, which lets
//! uploads end before it ends itself.
//!
//! ```sh
//! cargo run -p capstan-net --example server --features axum,metrics,tls -- --assets path/to/pages
//! ```
//!
//! Without `--cert` and `--key` it makes certificates of its own, and says where its authority's is.

#[rustfmt::skip]
mod files_capnp;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use capstan_net::tls::{Certificates, Listener};
use capstan_net::websocket::Endpoint;
use capstan_net::{Metrics, Options};
use files_capnp::{byte_sink, files};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_http::services::ServeDir;
use tracing_subscriber::EnvFilter;

struct Uploads;

impl files::Server for Uploads {
    async fn create(
        &self,
        params: files::CreateParams,
        mut results: files::CreateResults,
    ) -> Result<(), capstan_rpc::Error> {
        let name = params.get()?.get_name()?.to_str()?;
        tracing::info!(name, "receiving");
        let sink = capstan_rpc::new_client(Counter(AtomicU64::new(0)));
        results.get().set_sink(sink);
        Ok(())
    }
}

struct Counter(AtomicU64);

impl byte_sink::Server for Counter {
    async fn write(&self, params: byte_sink::WriteParams) -> Result<(), capstan_rpc::Error> {
        let chunk = params.get()?.get_chunk()?;
        self.0.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn end(
        &self,
        _: byte_sink::EndParams,
        mut results: byte_sink::EndResults,
    ) -> Result<(), capstan_rpc::Error> {
        let total = self.0.load(Ordering::Relaxed);
        results.get().set_total(total);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // RUST_LOG=capstan_net=debug shows every call.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::read()?;

    let metrics = Metrics::new();
    let mut options = Options::default().with_metrics(&metrics);
    if !arguments.origins.is_empty() {
        options = options.with_allowed_origins(arguments.origins);
    }
    let rpc = Endpoint::new(options);
    let bootstrap: files::Client = capstan_rpc::new_client(Uploads);
    let mut app = Router::new()
        .route("/rpc", rpc.route(move |_| bootstrap.clone()))
        .route("/metrics", get(move || async move { metrics.response() }));
    if let Some(assets) = arguments.assets {
        app = app.fallback_service(ServeDir::new(assets));
    }

    let certificates = match arguments.files {
        Some((certificate, key)) => Certificates::from_pem_files(certificate, key)?,
        None => own_certificates()?,
    };
    reload_on_hangup(certificates.clone())?;
    let mut end = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    let listener = Listener::new(listener, &certificates)?;
    println!("listening https://{}", listener.local_addr()?);

    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let draining = rpc.clone();
    axum::serve(listener.tap_io(|_| {}), service)
        .with_graceful_shutdown(async move {
            end.recv().await;
        })
        .await?;
    let cut_off = draining.drain(Duration::from_secs(30)).await;
    println!("ended, {cut_off} connections cut off");
    Ok(())
}

/// Certificates are renewed while the server runs.
fn reload_on_hangup(certificates: Certificates) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match certificates.reload() {
                Ok(()) => tracing::info!("certificates reloaded"),
                Err(error) => tracing::error!(%error, "the old certificates stay"),
            }
        }
    });
    Ok(())
}

/// For localhost, by an authority that nobody knows who is not told.
fn own_certificates() -> Result<Certificates, Box<dyn Error>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // A certificate that is called what its issuer is counts as its own issuer.
    params
        .distinguished_name
        .push(DnType::CommonName, "capstan example authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1"].map(String::from);
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let path = std::env::temp_dir().join(format!("capstan-authority-{}.pem", std::process::id()));
    std::fs::write(&path, authority.pem())?;
    println!("authority {}", path.display());
    let key = key.serialize_pem();
    Ok(Certificates::from_pem(
        certificate.pem().as_bytes(),
        key.as_bytes(),
    )?)
}

#[derive(Default)]
struct Arguments {
    port: u16,
    assets: Option<PathBuf>,
    origins: Vec<String>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Arguments {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut read = Self::default();
        let (mut certificate, mut key) = (None, None);
        let mut given = std::env::args().skip(1);
        while let Some(flag) = given.next() {
            let value = given
                .next()
                .ok_or_else(|| format!("{flag} lacks its value"))?;
            match flag.as_str() {
                "--port" => read.port = value.parse()?,
                "--assets" => read.assets = Some(value.into()),
                "--origin" => read.origins.push(value),
                "--cert" => certificate = Some(value.into()),
                "--key" => key = Some(value.into()),
                _ => return Err(format!("{flag} is unknown").into()),
            }
        }
        read.files = certificate.zip(key);
        Ok(read)
    }
}
