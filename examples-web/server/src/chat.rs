//! The room: who has a seat is called with all news.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capstan_rpc::{Error, new_client};
use tokio::sync::mpsc;

use crate::chat_capnp::{guest, news, room, seat};

/// Of names and of what is said, in bytes.
const NAME_MAX: usize = 64;
const TEXT_MAX: usize = 4000;
/// So much of what was said is told to those who join.
const REMEMBERED: usize = 50;
/// A guest who is so much news behind is asked to leave.
const BEHIND_MAX: usize = 1000;
const GONE: &str = "the room could not reach you any more; join again";

pub fn room() -> room::Client {
    new_client(Room(Arc::default()))
}

struct Room(Arc<Mutex<Present>>);

#[derive(Default)]
struct Present {
    guests: Vec<Place>,
    recent: VecDeque<News>,
    next_id: u64,
}

/// Where one guest sits.
struct Place {
    id: u64,
    name: String,
    /// What the guest is still to be told. A task makes the calls, one after the other.
    news: mpsc::Sender<News>,
}

#[derive(Clone)]
struct News {
    who: String,
    what: What,
}

#[derive(Clone)]
enum What {
    Joined,
    Left,
    Said(String),
}

impl room::Server for Room {
    async fn join(
        &self,
        params: room::JoinParams,
        mut results: room::JoinResults,
    ) -> Result<(), Error> {
        let (wanted, guest) = {
            let params = params.get()?;
            (params.get_name()?.to_string()?, params.get_guest()?)
        };
        check("a name", &wanted, NAME_MAX)?;
        let (to_tell, told) = mpsc::channel(BEHIND_MAX);

        let mut present = lock(&self.0);
        let name = present.free_name(wanted.trim());
        let mut results = results.get();
        let mut names = results.reborrow().init_present(present.guests.len() as u32);
        for (index, place) in (0..).zip(&present.guests) {
            names.set(index, &*place.name);
        }
        let mut recent = results.reborrow().init_recent(present.recent.len() as u32);
        for (index, news) in (0..).zip(&present.recent) {
            news.write(recent.reborrow().get(index));
        }
        results.set_name(&*name);

        let id = present.next_id;
        present.next_id += 1;
        present.tell(News::of(&name, What::Joined));
        present.guests.push(Place {
            id,
            name: name.clone(),
            news: to_tell,
        });
        drop(present);
        let seat = Seat {
            room: self.0.clone(),
            id,
            name,
        };
        results.set_seat(new_client(seat));
        tokio::spawn(keep_telling(guest, told, self.0.clone(), id));
        Ok(())
    }
}

/// Calls the guest with all news until the place is given up, or the guest cannot be called any more.
async fn keep_telling(
    guest: guest::Client,
    mut told: mpsc::Receiver<News>,
    room: Arc<Mutex<Present>>,
    id: u64,
) {
    while let Some(news) = told.recv().await {
        let mut request = guest.hear_request();
        news.write(request.get().init_news());
        if request.send().promise.await.is_err() {
            break;
        }
    }
    lock(&room).leave(id);
}

/// Lives as long as the guest holds on to it: a connection that is lost lets go of all it had.
struct Seat {
    room: Arc<Mutex<Present>>,
    id: u64,
    name: String,
}

impl seat::Server for Seat {
    async fn say(&self, params: seat::SayParams, _results: seat::SayResults) -> Result<(), Error> {
        let text = params.get()?.get_text()?.to_string()?;
        check("what is said", &text, TEXT_MAX)?;
        let news = News::of(&self.name, What::Said(text));
        let mut present = lock(&self.room);
        if present.guests.iter().all(|place| place.id != self.id) {
            return Err(Error::failed(GONE));
        }
        present.recent.push_back(news.clone());
        if present.recent.len() > REMEMBERED {
            present.recent.pop_front();
        }
        present.tell(news);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.room).leave(self.id);
    }
}

impl Present {
    /// The name, or one like it when somebody has it.
    fn free_name(&self, wanted: &str) -> String {
        let is_free = |name: &String| self.guests.iter().all(|place| place.name != *name);
        let others = (2_u64..).map(|number| format!("{wanted} {number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(others);
        names.find(is_free).unwrap_or_default()
    }

    fn leave(&mut self, id: u64) {
        if let Some(index) = self.guests.iter().position(|place| place.id == id) {
            let gone = self.guests.remove(index);
            self.tell(News::of(&gone.name, What::Left));
        }
    }

    /// Tells everybody. Who is too far behind leaves, which is news as well.
    fn tell(&mut self, news: News) {
        let mut untold = VecDeque::from([news]);
        while let Some(news) = untold.pop_front() {
            self.guests.retain(|place| {
                let keeps_up = place.news.try_send(news.clone()).is_ok();
                if !keeps_up {
                    untold.push_back(News::of(&place.name, What::Left));
                }
                keeps_up
            });
        }
    }
}

impl News {
    fn of(who: &str, what: What) -> Self {
        let who = who.to_owned();
        Self { who, what }
    }

    fn write(&self, mut into: news::Builder<'_>) {
        into.set_who(&*self.who);
        match &self.what {
            What::Joined => into.set_joined(()),
            What::Left => into.set_left(()),
            What::Said(text) => into.set_said(&**text),
        }
    }
}

fn check(what: &str, text: &str, max_bytes: usize) -> Result<(), Error> {
    match text.trim().len() {
        0 => Err(Error::failed(format!("{what} cannot be empty"))),
        bytes if bytes > max_bytes => Err(Error::failed(format!(
            "{what} has at most {max_bytes} bytes, not {bytes}"
        ))),
        _ => Ok(()),
    }
}

fn lock(present: &Mutex<Present>) -> MutexGuard<'_, Present> {
    present.lock().unwrap_or_else(PoisonError::into_inner)
}
