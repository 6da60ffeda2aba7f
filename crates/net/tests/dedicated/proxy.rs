//! Stands between client and server, counts what passes, and can cut a connection.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

#[derive(Default)]
pub struct Passage {
    bytes: AtomicU64,
    cut: Notify,
    over: Notify,
}

impl Passage {
    /// In both directions together.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    pub fn cut(&self) {
        self.cut.notify_one();
    }

    pub async fn over(&self) {
        self.over.notified().await;
    }
}

pub struct Proxy {
    pub address: SocketAddr,
    passages: Arc<Mutex<Vec<Arc<Passage>>>>,
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passages = Arc::<Mutex<Vec<Arc<Passage>>>>::default();
        let all = Arc::clone(&passages);
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                let passage = Arc::<Passage>::default();
                all.lock().unwrap().push(Arc::clone(&passage));
                tokio::spawn(async move {
                    let outside = TcpStream::connect(to).await.unwrap();
                    let (mut here, mut there) = (inside.into_split(), outside.into_split());
                    tokio::select! {
                        _ = async { tokio::join!(
                            copy(&mut here.0, &mut there.1, &passage.bytes),
                            copy(&mut there.0, &mut here.1, &passage.bytes),
                        ) } => {}
                        () = passage.cut.notified() => {}
                    }
                    passage.over.notify_one();
                });
            }
        });
        Self { address, passages }
    }

    /// The connections in the order in which they were made.
    pub fn passage(&self, index: usize) -> Arc<Passage> {
        Arc::clone(&self.passages.lock().unwrap()[index])
    }

    pub fn count(&self) -> usize {
        self.passages.lock().unwrap().len()
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &AtomicU64,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        bytes.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
