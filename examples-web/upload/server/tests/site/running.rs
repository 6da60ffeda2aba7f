use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use capstan_net::websocket::Endpoint;
use capstan_rpc::new_client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use upload_server::events::{Events, Upload, UploadState};
use upload_server::files::{FilesService, Shared};
use upload_server::files_capnp::files;
use upload_server::http;

pub const DEMO_NAME: &str = "dëmo file.bin";
pub const DEMO_CONTENT: &[u8] = b"what the page sends back";
const KEEP_BYTES: u64 = 1 << 20;

/// A server with a page of one line and a demo file.
pub struct Running {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    pub dir: PathBuf,
}

impl Running {
    pub async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    /// `change` may set what the command line's options set.
    pub async fn start_with(change: impl FnOnce(&mut Shared, &PathBuf)) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("site-{number}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("index.html"), "<p>the page").unwrap();
        std::fs::write(dir.join(DEMO_NAME), DEMO_CONTENT).unwrap();

        let mut shared = Shared::new(KEEP_BYTES, Events::quiet());
        change(&mut shared, &dir);
        let shared = Arc::new(shared);
        let bootstrap: files::Client = new_client(FilesService::new(shared.clone()));
        let rpc = http::rpc_route(bootstrap, Endpoint::new(capstan_net::Options::default()));
        let routes = http::routes(shared.clone(), &dir, Some(dir.join(DEMO_NAME))).merge(rpc);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            address,
            shared,
            dir,
        }
    }

    /// The whole answer, head and all.
    pub async fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has refused the body may have stopped reading it.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The latest upload, once it is over.
    pub async fn last_upload(&self) -> Upload {
        loop {
            let last = self.shared.events.uploads().pop();
            if let Some(upload) = last.filter(|upload| upload.state != UploadState::Receiving) {
                return upload;
            }
            tokio::task::yield_now().await;
        }
    }
}
