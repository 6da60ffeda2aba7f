//! A server for both networks.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::{Error, new_client};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::trial_capnp::{streaming_byte_sink, trial};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    WebSocket,
    Tcp,
    PackedTcp,
}

pub const ALL: [Network; 3] = [Network::WebSocket, Network::Tcp, Network::PackedTcp];

/// A running server. Aborting the task ends it with all its connections.
pub struct Server {
    pub address: SocketAddr,
    pub network: Network,
    pub task: JoinHandle<()>,
    /// What became of each sink, as it was dropped.
    pub uploads: mpsc::UnboundedReceiver<Upload>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Upload {
    pub bytes: u64,
    pub sha256: Vec<u8>,
    pub ended: bool,
}

impl Server {
    pub async fn start(network: Network) -> Self {
        Self::start_with(network, Options::default()).await
    }

    pub async fn start_with(network: Network, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (report, uploads) = mpsc::unbounded_channel();
        let bootstrap = move |_| -> trial::Client {
            new_client(TrialServer {
                report: report.clone(),
            })
        };
        let task = tokio::spawn(async move {
            match network {
                Network::WebSocket => websocket::serve(listener, "/rpc", options, bootstrap)
                    .await
                    .unwrap(),
                Network::Tcp => tcp::serve(listener, options, bootstrap).await.unwrap(),
                Network::PackedTcp => {
                    tcp::serve(listener, options.with_packed(true), bootstrap)
                        .await
                        .unwrap();
                }
            }
        });
        Self {
            address,
            network,
            task,
            uploads,
        }
    }

    pub async fn connect(&self) -> Connection {
        self.connect_with(Options::default()).await
    }

    pub async fn connect_with(&self, options: Options) -> Connection {
        match self.network {
            Network::WebSocket => {
                websocket::connect(&format!("ws://{}/rpc", self.address), options).await
            }
            Network::Tcp => tcp::connect(&self.address.to_string(), options).await,
            Network::PackedTcp => {
                tcp::connect(&self.address.to_string(), options.with_packed(true)).await
            }
        }
        .unwrap()
    }
}

pub async fn echo(trial: &trial::Client, text: &str) -> Result<String, Error> {
    let mut request = trial.echo_request();
    request.get().set_text(text);
    let response = request.send().promise.await?;
    Ok(response.get()?.get_text()?.to_string()?)
}

struct TrialServer {
    report: mpsc::UnboundedSender<Upload>,
}

impl trial::Server for TrialServer {
    async fn echo(
        &self,
        params: trial::EchoParams,
        mut results: trial::EchoResults,
    ) -> Result<(), Error> {
        results.get().set_text(params.get()?.get_text()?);
        Ok(())
    }

    async fn fail(
        &self,
        params: trial::FailParams,
        _results: trial::FailResults,
    ) -> Result<(), Error> {
        Err(Error::failed(params.get()?.get_reason()?.to_string()?))
    }

    async fn hang(
        &self,
        _params: trial::HangParams,
        _results: trial::HangResults,
    ) -> Result<(), Error> {
        pending().await
    }

    async fn notify(
        &self,
        params: trial::NotifyParams,
        mut results: trial::NotifyResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let mut request = params.get_listener()?.hear_request();
        request.get().set_text(params.get_text()?);
        let response = request.send().promise.await?;
        results.get().set_answer(response.get()?.get_answer()?);
        Ok(())
    }

    async fn open(
        &self,
        _params: trial::OpenParams,
        mut results: trial::OpenResults,
    ) -> Result<(), Error> {
        let upload = Mutex::new((
            Sha256::new(),
            Upload {
                bytes: 0,
                sha256: Vec::new(),
                ended: false,
            },
        ));
        results.get().set_sink(new_client(HashingSink {
            upload,
            report: self.report.clone(),
        }));
        Ok(())
    }
}

struct HashingSink {
    upload: Mutex<(Sha256, Upload)>,
    report: mpsc::UnboundedSender<Upload>,
}

impl streaming_byte_sink::Server for HashingSink {
    async fn write(&self, params: streaming_byte_sink::WriteParams) -> Result<(), Error> {
        let chunk = params.get()?.get_chunk()?;
        let (hash, upload) = &mut *self.upload.lock().unwrap();
        hash.update(chunk);
        upload.bytes += chunk.len() as u64;
        Ok(())
    }

    async fn end(
        &self,
        _params: streaming_byte_sink::EndParams,
        mut results: streaming_byte_sink::EndResults,
    ) -> Result<(), Error> {
        let (_, upload) = &mut *self.upload.lock().unwrap();
        upload.ended = true;
        results.get().set_total(upload.bytes);
        Ok(())
    }
}

impl Drop for HashingSink {
    fn drop(&mut self) {
        let (hash, upload) = self.upload.get_mut().unwrap();
        let sha256 = std::mem::take(hash).finalize().to_vec();
        let _ = self.report.send(Upload {
            bytes: upload.bytes,
            sha256,
            ended: upload.ended,
        });
    }
}

pub struct Ear;

impl trial::listener::Server for Ear {
    async fn hear(
        &self,
        params: trial::listener::HearParams,
        mut results: trial::listener::HearResults,
    ) -> Result<(), Error> {
        results
            .get()
            .set_answer(format!("heard {}", params.get()?.get_text()?.to_str()?));
        Ok(())
    }
}

/// A bootstrap object for servers of a test's own.
pub fn shared_bootstrap() -> trial::Client {
    let (report, _) = mpsc::unbounded_channel();
    new_client(TrialServer { report })
}
