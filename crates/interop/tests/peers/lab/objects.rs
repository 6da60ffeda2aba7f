// Included by `ours.rs` and `theirs.rs`: the same objects on either library, which have the same names for
// almost everything. `methods!` gives methods the `self` that the library at hand wants.

/// How many calls of `hang`, to all servers that share this, were given up.
#[derive(Clone, Default)]
pub struct Canceled(Arc<AtomicU32>);

pub struct LabServer {
    pub canceled: Canceled,
}

methods! {
    impl lab::Server for LabServer {
        async fn number(self, params: lab::NumberParams, mut results: lab::NumberResults) {
            let value = params.get()?.get_value();
            results.get().set_number(new_client(ANumber(value)));
            Ok(())
        }

        async fn operator(self, params: lab::OperatorParams, mut results: lab::OperatorResults) {
            let operator = params.get()?.get_operator()?;
            results.get().set_function(new_client(AnOperator(operator)));
            Ok(())
        }

        async fn apply(self, params: lab::ApplyParams, mut results: lab::ApplyResults) {
            let (function, numbers) = {
                let params = params.get()?;
                let numbers: Result<Vec<number::Client>, _> = params.get_numbers()?.iter().collect();
                (params.get_function()?, numbers?)
            };
            let mut values = Vec::new();
            for number in numbers {
                values.push(number.read_request().send().promise.await?.get()?.get_value());
            }
            let value = call(&function, &values).await?;
            results.get().set_number(new_client(ANumber(value)));
            Ok(())
        }

        async fn echo(self, params: lab::EchoParams, mut results: lab::EchoResults) {
            results.get().set_log(params.get()?.get_log()?);
            Ok(())
        }

        async fn later(self, _params: lab::LaterParams, mut results: lab::LaterResults) {
            let (open, opened) = oneshot::channel::<Result<log::Client, Error>>();
            let promise: log::Client = new_future_client(async move {
                opened.await.unwrap_or_else(|_| Err(error(0, "nobody opens the gate")))
            });
            results.get().set_log(promise);
            results.get().set_gate(new_client(AGate(Mutex::new(Some(open)))));
            Ok(())
        }

        async fn new_log(self, _params: lab::NewLogParams, mut results: lab::NewLogResults) {
            results.get().set_log(ALog::client().0);
            Ok(())
        }

        async fn relay(self, params: lab::RelayParams, _results: lab::RelayResults) {
            let (log, numbers) = {
                let params = params.get()?;
                (params.get_log()?, params.get_numbers()?.iter().collect::<Vec<u32>>())
            };
            note_all(&log, numbers).await
        }

        async fn sink(self, _params: lab::SinkParams, mut results: lab::SinkResults) {
            results.get().set_sink(new_client(ASink::default()));
            Ok(())
        }

        async fn pour(self, params: lab::PourParams, mut results: lab::PourResults) {
            let (into, chunks) = {
                let params = params.get()?;
                (params.get_into()?, params.get_chunks())
            };
            results.get().set_bytes(pour(&into, chunks).await?);
            Ok(())
        }

        async fn fail(self, params: lab::FailParams, _results: lab::FailResults) {
            let params = params.get()?;
            Err(error(params.get_kind(), params.get_reason()?.to_str()?))
        }

        async fn hang(self, _params: lab::HangParams, _results: lab::HangResults) {
            let _count = CountsWhenDropped(self.canceled.clone());
            std::future::pending().await
        }

        async fn canceled(self, _params: lab::CanceledParams, mut results: lab::CanceledResults) {
            results.get().set_count(self.canceled.0.load(Ordering::SeqCst));
            Ok(())
        }

        async fn tail(self, params: lab::TailParams, results: lab::TailResults) {
            let request = {
                let params = params.get()?;
                let mut request = params.get_to()?.call_request();
                request.get().set_params(params.get_params()?)?;
                request
            };
            tail_call(results, request).await
        }
    }
}

struct CountsWhenDropped(Canceled);

impl Drop for CountsWhenDropped {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct AGate(Mutex<Option<oneshot::Sender<Result<log::Client, Error>>>>);

impl AGate {
    fn decide(&self, to: Result<log::Client, Error>) {
        if let Some(open) = self.0.lock().unwrap().take() {
            let _ = open.send(to);
        }
    }
}

methods! {
    impl lab::gate::Server for AGate {
        async fn open(self, params: lab::gate::OpenParams, _results: lab::gate::OpenResults) {
            let log = params.get()?.get_log()?;
            self.decide(Ok(log));
            Ok(())
        }

        async fn break_(self, params: lab::gate::BreakParams, _results: lab::gate::BreakResults) {
            let reason = error(0, params.get()?.get_reason()?.to_str()?);
            self.decide(Err(reason));
            Ok(())
        }
    }
}

pub struct ANumber(pub f64);

methods! {
    impl number::Server for ANumber {
        async fn read(self, _params: number::ReadParams, mut results: number::ReadResults) {
            results.get().set_value(self.0);
            Ok(())
        }
    }
}

struct AnOperator(Operator);

methods! {
    impl function::Server for AnOperator {
        async fn call(self, params: function::CallParams, mut results: function::CallResults) {
            let params: Vec<f64> = params.get()?.get_params()?.iter().collect();
            let [a, b] = params[..] else {
                return Err(error(0, "an operator takes two numbers"));
            };
            results.get().set_value(match self.0 {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
            });
            Ok(())
        }
    }
}

/// What a server does not have: so it has to call back.
pub struct Power;

methods! {
    impl function::Server for Power {
        async fn call(self, params: function::CallParams, mut results: function::CallResults) {
            let params: Vec<f64> = params.get()?.get_params()?.iter().collect();
            results.get().set_value(params[0].powf(params[1]));
            Ok(())
        }
    }
}

/// What was noted in a log, in order.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<u32>>>);

impl Notes {
    pub fn get(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

pub struct ALog(Notes);

impl ALog {
    pub fn client() -> (log::Client, Notes) {
        let notes = Notes::default();
        (new_client(Self(notes.clone())), notes)
    }
}

methods! {
    impl log::Server for ALog {
        async fn note(self, params: log::NoteParams, _results: log::NoteResults) {
            self.0.0.lock().unwrap().push(params.get()?.get_number());
            Ok(())
        }

        async fn notes(self, _params: log::NotesParams, mut results: log::NotesResults) {
            let notes = self.0.get();
            results.get().set_numbers(&notes[..])?;
            Ok(())
        }
    }
}

#[derive(Default)]
pub struct ASink(AtomicU64);

methods! {
    impl sink::Server for ASink {
        async fn write(self, params: sink::WriteParams) {
            let bytes = params.get()?.get_chunk()?.len() as u64;
            // A stream's calls come one at a time: without a pause that would prove nothing.
            let before = self.0.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.0.store(before + bytes, Ordering::SeqCst);
            Ok(())
        }

        async fn end(self, _params: sink::EndParams, mut results: sink::EndResults) {
            results.get().set_bytes(self.0.load(Ordering::SeqCst));
            Ok(())
        }
    }
}

pub async fn call(function: &function::Client, params: &[f64]) -> Result<f64, Error> {
    let mut request = function.call_request();
    request.get().set_params(params)?;
    Ok(request.send().promise.await?.get()?.get_value())
}

pub fn note(log: &log::Client, number: u32) -> impl Future<Output = Result<(), Error>> + use<> {
    let mut request = log.note_request();
    request.get().set_number(number);
    let sent = request.send();
    async move { sent.promise.await.map(drop) }
}

pub async fn note_all(log: &log::Client, numbers: Vec<u32>) -> Result<(), Error> {
    let notes: Vec<_> = numbers.iter().map(|number| note(log, *number)).collect();
    for noted in notes {
        noted.await?;
    }
    Ok(())
}

pub async fn pour(into: &sink::Client, chunks: u32) -> Result<u64, Error> {
    let chunk = vec![7; CHUNK_BYTES];
    for _ in 0..chunks {
        let mut request = into.write_request();
        request.get().set_chunk(&chunk[..]);
        request.send().await?;
    }
    Ok(into.end_request().send().promise.await?.get()?.get_bytes())
}

pub const CHUNK_BYTES: usize = 10_000;
