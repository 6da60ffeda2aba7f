//! A network that is not to be relied on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::random::Random;

/// What one connection goes through.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Each way, after how many bytes it is cut off, if it is.
    pub cut_after_bytes: [Option<u64>; 2],
    /// Whether cutting resets the connection instead of ending the stream.
    pub resets: bool,
    /// How long pieces are held up, at most.
    pub delay_millis: u64,
    /// How large pieces are, at most.
    pub piece_bytes: u64,
}

impl Weather {
    pub fn any(random: &mut Random) -> Self {
        let cut = |random: &mut Random| {
            let magnitude = 1 << (6 + random.below(12));
            random.chance(35).then(|| random.below(magnitude))
        };
        Self {
            cut_after_bytes: [cut(random), cut(random)],
            resets: random.chance(50),
            delay_millis: [0, 0, 0, 2, 6][random.below(5) as usize],
            piece_bytes: [3, 100, 10_000, 65_536][random.below(4) as usize],
        }
    }

    /// The address of a way to the server for a single connection.
    pub async fn before(self, server: SocketAddr, seed: u64) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            if self.resets {
                // With a time of zero, closing resets.
                client.set_zero_linger().unwrap();
                server.set_zero_linger().unwrap();
            }
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let there = self.carry(from_client, to_server, self.cut_after_bytes[0], seed);
            let back = self.carry(from_server, to_client, self.cut_after_bytes[1], !seed);
            // When one way ends, so does the other, and all halves close.
            tokio::select! {
                () = there => {}
                () = back => {}
            }
        });
        address
    }

    async fn carry(
        self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        cut_after_bytes: Option<u64>,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let mut left = cut_after_bytes.unwrap_or(u64::MAX);
        let mut piece = vec![0; self.piece_bytes as usize];
        // Of small pieces there are many.
        let delayed_percent = if self.piece_bytes < 1000 { 1 } else { 20 };
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Ok(length @ 1..) = from.read(&mut piece[..most]).await else {
                break;
            };
            if self.delay_millis > 0 && random.chance(delayed_percent) {
                let delay = Duration::from_millis(random.below(self.delay_millis));
                tokio::time::sleep(delay).await;
            }
            if to.write_all(&piece[..length]).await.is_err() {
                break;
            }
            left -= length as u64;
        }
        // The end of the stream is told where the other way may have more.
        let _ = to.shutdown().await;
        if !self.resets && cut_after_bytes.is_none() {
            tokio::time::sleep(Duration::from_millis(random.below(5))).await;
        }
    }
}
