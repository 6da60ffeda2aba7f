//! Who calls, gives up and connects again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_net::{Connection, Options, tcp, websocket};
use capstan_rpc::{Error, ErrorKind, FromClient};
use tokio::time::timeout;

use crate::objects::{Observed, perhaps_later};
use crate::proxy::Weather;
use crate::random::Random;
use crate::trial_capnp::trial;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    WebSocket,
    Tcp,
    PackedTcp,
}

pub struct Caller {
    pub network: Network,
    pub server: SocketAddr,
    pub options: Options,
    pub observed: Arc<Observed>,
    pub random: Random,
}

impl Caller {
    /// Makes calls until all callers together have made so many.
    pub async fn run(mut self, made: Arc<AtomicU64>, calls: u64) {
        // Capabilities of an earlier connection, to be used on a later one.
        let mut souvenirs = Vec::new();
        while made.load(Ordering::Relaxed) < calls {
            let weather = Weather::any(&mut self.random);
            let Ok(connection) = self.connect(weather).await else {
                continue;
            };
            let trial: trial::Client = connection.bootstrap();
            let talks = (0..1 + self.random.below(4)).map(|_| {
                let talk = Talk {
                    observed: Arc::clone(&self.observed),
                    random: Random::new(self.random.next()),
                    kept: vec![trial.clone()],
                    souvenirs: souvenirs.clone(),
                };
                tokio::spawn(talk.run(Arc::clone(&made)))
            });
            let talks: Vec<_> = talks.collect();
            if self.random.chance(15) {
                tokio::time::sleep(Duration::from_millis(self.random.below(20))).await;
                let reason = Error::disconnected("hung up");
                connection.handle().close(reason);
            }
            let mut kept = Vec::new();
            for talk in talks {
                kept.extend(talk.await.unwrap());
            }
            kept.truncate(2);
            souvenirs = kept;
            drop(trial);
            if self.random.chance(30) {
                // What is kept dies with the connection otherwise.
                souvenirs.clear();
                assert_emptied(&connection).await;
            }
            if self.random.chance(50) {
                connection.close().await;
            }
        }
    }

    async fn connect(&mut self, weather: Weather) -> Result<Connection, capstan_net::Error> {
        let address = weather.before(self.server, self.random.next()).await;
        let options = self.options.clone();
        match self.network {
            Network::WebSocket => websocket::connect(&format!("ws://{address}/rpc"), options).await,
            Network::Tcp | Network::PackedTcp => tcp::connect(&address.to_string(), options).await,
        }
    }
}

/// Unless it breaks, the tables of a connection on which nothing is held become empty.
async fn assert_emptied(connection: &Connection) {
    let mut tables = [0; 4];
    for _ in 0..1000 {
        let Some(stats) = connection.stats() else {
            return;
        };
        tables = [stats.questions, stats.answers, stats.imports, stats.exports];
        if tables == [0; 4] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("questions, answers, imports and exports are left: {tables:?}");
}

/// One of the tasks that use a connection.
struct Talk {
    observed: Arc<Observed>,
    random: Random,
    kept: Vec<trial::Client>,
    souvenirs: Vec<trial::Client>,
}

impl Talk {
    async fn run(mut self, made: Arc<AtomicU64>) -> Vec<trial::Client> {
        for _ in 0..10 + self.random.below(60) {
            let step = timeout(Duration::from_secs(60), self.step(&made));
            match step.await.expect("a call neither returns nor fails") {
                Ok(()) => {}
                // Whatever else is wrong, the connection is.
                Err(error) if error.kind == ErrorKind::Disconnected => {
                    if self.random.chance(50) {
                        break;
                    }
                }
                Err(error) => assert!(is_ordinary(&error), "{error}"),
            }
        }
        self.kept.split_off(self.kept.len().min(1))
    }

    fn pick(&mut self) -> trial::Client {
        let count = self.kept.len() as u64;
        self.kept[self.random.below(count) as usize].clone()
    }

    async fn step(&mut self, made: &AtomicU64) -> Result<(), Error> {
        let target = self.pick();
        let made = |count| made.fetch_add(count, Ordering::Relaxed);
        match self.random.below(9) {
            0 => {
                let text = "text ".repeat(self.random.below(2000) as usize);
                let mut request = target.echo_request();
                request.get().set_text(&text);
                made(1);
                let response = request.send().promise.await?;
                assert_eq!(response.get()?.get_text()?.to_str()?, text);
            }
            1 => {
                let mut next = target;
                for _ in 0..self.random.below(5) {
                    made(1);
                    let call = next.next_request().send();
                    next = match self.random.chance(50) {
                        true => call.pipeline.get_trial(),
                        false => call.pipeline.get_deep().get_inside().get_trial(),
                    };
                }
                self.kept.push(next);
            }
            2 => {
                made(1);
                let call = target.hang_request().send();
                if self.random.chance(30) {
                    let patience = Duration::from_millis(self.random.below(5));
                    if let Ok(ended) = timeout(patience, call.promise).await {
                        return ended.map(drop);
                    }
                }
            }
            3 => self.notify(target, &made).await?,
            4 => {
                made(2);
                let response = target.next_request().send().promise.await?;
                let next = response.get()?.get_trial()?;
                let resolved = next.as_client().when_resolved();
                if self.random.chance(50) {
                    resolved.await?;
                }
                let mut request = next.fail_request();
                request.get().set_reason("as agreed");
                let error = request.send().promise.await.err().expect("it fails");
                return Err(error);
            }
            5 => self.stream(target, &made).await?,
            6 => {
                made(2);
                target.nothing_request().send().promise.await?;
            }
            7 => {
                made(1);
                drop(target.next_request().send());
            }
            _ => {
                if self.kept.len() > 1 {
                    let index = 1 + self.random.below(self.kept.len() as u64 - 1);
                    self.kept.swap_remove(index as usize);
                }
            }
        }
        Ok(())
    }

    /// Lets an object of this side, of that side, or of another connection be called back.
    async fn notify(
        &mut self,
        target: trial::Client,
        made: &impl Fn(u64) -> u64,
    ) -> Result<(), Error> {
        let listener = match self.random.below(4) {
            0 => self.pick().as_client().cast_to(),
            1 if !self.souvenirs.is_empty() => self.souvenirs[0].as_client().cast_to(),
            _ => self.observed.ear(),
        };
        let listener: trial::listener::Client = perhaps_later(listener, &mut self.random);
        let mut request = target.notify_request();
        request.get().set_listener(listener);
        request.get().set_text("news");
        made(2);
        let call = request.send().promise;
        let patience = Duration::from_millis(self.random.below(20));
        if let Ok(answered) = timeout(patience, call).await {
            let response = answered?;
            assert_eq!(response.get()?.get_answer()?.to_str()?, "news");
        }
        Ok(())
    }

    async fn stream(
        &mut self,
        target: trial::Client,
        made: &impl Fn(u64) -> u64,
    ) -> Result<(), Error> {
        made(1);
        let sink = target.open_request().send().pipeline.get_sink();
        let mut sent = 0;
        for _ in 0..self.random.below(20) {
            let chunk = vec![1; self.random.below(10_000) as usize];
            sent += chunk.len() as u64;
            let mut request = sink.write_request();
            request.get().set_chunk(&chunk);
            made(1);
            let room = request.send();
            match self.random.below(20) {
                0 => drop(room),
                1 => return Ok(()),
                _ => room.await?,
            }
        }
        made(1);
        let response = sink.end_request().send().promise.await?;
        assert_eq!(response.get()?.get_total(), sent);
        Ok(())
    }
}

fn is_ordinary(error: &Error) -> bool {
    let known = [
        "as agreed",
        "broken promise",
        "dropped the promise",
        "spilled",
        // An object of another kind was told the news.
        "has no interface",
    ];
    known.iter().any(|words| error.reason.contains(words))
}
