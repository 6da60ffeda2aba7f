//! Started by `npm test`, beside the tests in `tests-wasm`. Prints where it listens.

mod rude;

use std::sync::{Arc, Mutex, PoisonError};

use capstan_net::{Options, websocket};
use capstan_rpc::{Error, new_client};
use probe_capnp::{probe, sink, valve};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

capstan_rpc::generated_code!(mod probe_capnp);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening ws://{}/rpc", listener.local_addr()?);
    let connected = watch::Sender::new(0);
    let bootstrap = move |_| -> probe::Client {
        connected.send_modify(|connected| *connected += 1);
        new_client(Probe {
            connected: connected.clone(),
        })
    };
    Ok(websocket::serve(listener, "/rpc", Options::default(), bootstrap).await?)
}

/// Lives as long as its connection.
struct Probe {
    connected: watch::Sender<usize>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.connected.send_modify(|connected| *connected -= 1);
    }
}

impl probe::Server for Probe {
    async fn open(
        &self,
        params: probe::OpenParams,
        mut results: probe::OpenResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let permits = if params.get_held() {
            0
        } else {
            Semaphore::MAX_PERMITS
        };
        let permits = Arc::new(Semaphore::new(permits));
        results.get().set_sink(new_client(Sink {
            permits: permits.clone(),
            fail_at: params.get_fail_at(),
            received: Mutex::default(),
        }));
        results.get().set_valve(new_client(Valve { permits }));
        Ok(())
    }

    async fn download(
        &self,
        params: probe::DownloadParams,
        mut results: probe::DownloadResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let (bytes, into) = (params.get_bytes(), params.get_into()?);
        let mut hash = Sha256::new();
        let mut sent = 0;
        while sent < bytes {
            let length = u64::min(CHUNK_BYTES, bytes - sent);
            let chunk: Vec<u8> = (sent..sent + length)
                .map(|at| (at ^ at >> 9) as u8)
                .collect();
            hash.update(&chunk);
            let mut request = into.write_request();
            request.get().set_chunk(&chunk);
            request.send().await?;
            sent += length;
        }
        into.end_request().send().promise.await?;
        results.get().set_sha256(hash.finalize().as_slice());
        Ok(())
    }

    async fn alone(
        &self,
        _params: probe::AloneParams,
        _results: probe::AloneResults,
    ) -> Result<(), Error> {
        let mut connected = self.connected.subscribe();
        let alone = connected.wait_for(|connected| *connected == 1).await;
        alone
            .map(drop)
            .map_err(|error| Error::failed(error.to_string()))
    }

    async fn rude(
        &self,
        params: probe::RudeParams,
        mut results: probe::RudeResults,
    ) -> Result<(), Error> {
        let (url, fate) = rude::listen(params.get()?.get_greeting()?).await?;
        results.get().set_url(url);
        results.get().set_fate(fate);
        Ok(())
    }
}

struct Sink {
    permits: Arc<Semaphore>,
    fail_at: u32,
    received: Mutex<Received>,
}

#[derive(Default)]
struct Received {
    writes: u32,
    bytes: u64,
    hash: Sha256,
}

impl sink::Server for Sink {
    async fn write(&self, params: sink::WriteParams) -> Result<(), Error> {
        let permit = self.permits.acquire().await;
        permit
            .map_err(|error| Error::failed(error.to_string()))?
            .forget();
        let chunk = params.get()?.get_chunk()?;
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.writes += 1;
        if received.writes > self.fail_at {
            return Err(Error::failed("the disk is full"));
        }
        received.bytes += chunk.len() as u64;
        received.hash.update(chunk);
        Ok(())
    }

    async fn end(
        &self,
        _params: sink::EndParams,
        mut results: sink::EndResults,
    ) -> Result<(), Error> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        results.get().set_total(received.bytes);
        let hash = received.hash.clone().finalize();
        results.get().set_sha256(hash.as_slice());
        Ok(())
    }
}

struct Valve {
    permits: Arc<Semaphore>,
}

impl valve::Server for Valve {
    async fn pass(
        &self,
        params: valve::PassParams,
        _results: valve::PassResults,
    ) -> Result<(), Error> {
        self.permits
            .add_permits(params.get()?.get_writes() as usize);
        Ok(())
    }
}

const CHUNK_BYTES: u64 = 64 << 10;
