// Included by `ours.rs` and `theirs.rs`, like `objects.rs`: everything that a client does with a server,
// whatever the server is written with.

/// All scenarios, one after the other. Panics where the server does not do what it has to.
pub async fn check_all(lab: &lab::Client) {
    calculator(lab).await.unwrap();
    callbacks(lab).await.unwrap();
    capabilities_both_ways(lab).await.unwrap();
    order_through_an_echo(lab).await.unwrap();
    their_promise_of_our_object(lab).await.unwrap();
    their_promise_of_their_object(lab).await.unwrap();
    their_promise_that_breaks(lab).await.unwrap();
    our_promises(lab).await.unwrap();
    streams(lab).await.unwrap();
    errors(lab).await;
    cancellation(lab).await.unwrap();
    tail_calls(lab).await.unwrap();
    // And the connection is none the worse for it.
    calculator(lab).await.unwrap();
}

/// (2 + 3) · 4 in one round trip: numbers and functions are used before they are there.
async fn calculator(lab: &lab::Client) -> Result<(), Error> {
    let number = |value: f64| {
        let mut request = lab.number_request();
        request.get().set_value(value);
        request.send().pipeline.get_number()
    };
    let operator = |operator: Operator| {
        let mut request = lab.operator_request();
        request.get().set_operator(operator);
        request.send().pipeline.get_function()
    };
    let sum = apply(lab, operator(Operator::Add), &[number(2.0), number(3.0)]);
    let product = apply(lab, operator(Operator::Multiply), &[sum, number(4.0)]);
    let value = product.read_request().send().promise.await?;
    assert_eq!(value.get()?.get_value(), 20.0);
    Ok(())
}

fn apply(
    lab: &lab::Client,
    function: function::Client,
    numbers: &[number::Client],
) -> number::Client {
    let mut request = lab.apply_request();
    request.get().set_function(function);
    let mut list = request.get().init_numbers(numbers.len() as u32);
    for (index, number) in (0..).zip(numbers) {
        list.set(index, capability(number));
    }
    request.send().pipeline.get_number()
}

/// 2 to the 10th, of which the server only has the numbers, and not even those.
async fn callbacks(lab: &lab::Client) -> Result<(), Error> {
    let numbers = [new_client(ANumber(2.0)), new_client(ANumber(10.0))];
    let result = apply(lab, new_client(Power), &numbers);
    let value = result.read_request().send().promise.await?;
    assert_eq!(value.get()?.get_value(), 1024.0);
    Ok(())
}

async fn capabilities_both_ways(lab: &lab::Client) -> Result<(), Error> {
    let (mine, notes) = ALog::client();
    relay(lab, &mine, 0..100).await?;
    assert_eq!(notes.get(), Vec::from_iter(0..100));

    // Theirs, and back to them.
    let theirs = lab.new_log_request().send().pipeline.get_log();
    relay(lab, &theirs, 0..100).await?;
    assert_eq!(noted(&theirs).await?, Vec::from_iter(0..100));
    Ok(())
}

fn relay(
    lab: &lab::Client,
    log: &log::Client,
    numbers: std::ops::Range<u32>,
) -> impl Future<Output = Result<(), Error>> + use<> {
    let mut request = lab.relay_request();
    request.get().set_log(log.clone());
    request
        .get()
        .set_numbers(&Vec::from_iter(numbers)[..])
        .unwrap();
    let sent = request.send();
    async move { sent.promise.await.map(drop) }
}

async fn noted(log: &log::Client) -> Result<Vec<u32>, Error> {
    let notes = log.notes_request().send().promise.await?;
    Ok(notes.get()?.get_numbers()?.iter().collect())
}

/// Calls on a result that turns out to be our own object: those made before that is known go by way of the
/// server, and those made after must not overtake them.
async fn order_through_an_echo(lab: &lab::Client) -> Result<(), Error> {
    for _ in 0..20 {
        let (mine, notes) = ALog::client();
        let mut request = lab.echo_request();
        request.get().set_log(mine);
        let echo = request.send();
        let promised = echo.pipeline.get_log();
        let mut waiting: Vec<_> = (0..10).map(|number| note(&promised, number)).collect();
        let _response = echo.promise.await?;
        waiting.extend((10..30).map(|number| note(&promised, number)));
        for noted in waiting {
            noted.await?;
        }
        assert_eq!(notes.get(), Vec::from_iter(0..30));
    }
    Ok(())
}

struct Later {
    log: log::Client,
    gate: lab::gate::Client,
}

async fn later(lab: &lab::Client) -> Result<Later, Error> {
    let later = lab.later_request().send().promise.await?;
    let (log, gate) = (later.get()?.get_log()?, later.get()?.get_gate()?);
    Ok(Later { log, gate })
}

impl Later {
    fn open(&self, log: &log::Client) -> impl Future<Output = Result<(), Error>> + use<> {
        let mut request = self.gate.open_request();
        request.get().set_log(log.clone());
        let sent = request.send();
        async move { sent.promise.await.map(drop) }
    }
}

/// The server's promise, which it has returned already, comes true as an object of ours.
async fn their_promise_of_our_object(lab: &lab::Client) -> Result<(), Error> {
    for _ in 0..20 {
        let later = later(lab).await?;
        let (mine, notes) = ALog::client();
        let mut waiting: Vec<_> = (0..10).map(|number| note(&later.log, number)).collect();
        let opened = later.open(&mine);
        waiting.extend((10..20).map(|number| note(&later.log, number)));
        opened.await?;
        waiting.extend((20..30).map(|number| note(&later.log, number)));
        for noted in waiting {
            noted.await?;
        }
        assert_eq!(notes.get(), Vec::from_iter(0..30));
    }
    Ok(())
}

async fn their_promise_of_their_object(lab: &lab::Client) -> Result<(), Error> {
    let later = later(lab).await?;
    let theirs = lab.new_log_request().send().pipeline.get_log();
    let mut waiting: Vec<_> = (0..10).map(|number| note(&later.log, number)).collect();
    let opened = later.open(&theirs);
    waiting.extend((10..20).map(|number| note(&later.log, number)));
    opened.await?;
    waiting.extend((20..30).map(|number| note(&later.log, number)));
    for noted in waiting {
        noted.await?;
    }
    assert_eq!(noted(&theirs).await?, Vec::from_iter(0..30));
    Ok(())
}

async fn their_promise_that_breaks(lab: &lab::Client) -> Result<(), Error> {
    let later = later(lab).await?;
    let before = note(&later.log, 1);
    let mut request = later.gate.break_request();
    request.get().set_reason("the log was burnt");
    request.send().promise.await?;
    for noted in [before, note(&later.log, 2)] {
        let error = noted.await.unwrap_err();
        assert!(reason(&error).contains("the log was burnt"), "{error:?}");
    }
    Ok(())
}

/// Promises of ours that the server has got, which come true as an object of ours, as one of the
/// server's, and not at all.
async fn our_promises(lab: &lab::Client) -> Result<(), Error> {
    for whose in ["ours", "theirs", "nobody's"] {
        let (mine, notes) = ALog::client();
        let theirs = lab.new_log_request().send().promise.await?;
        let theirs = theirs.get()?.get_log()?;
        let (decide, decided) = oneshot::channel();
        let promise: log::Client = new_future_client(async move { decided.await.unwrap() });
        let first = relay(lab, &promise, 0..10);
        let second = relay(lab, &promise, 10..20);
        // By now it has them, and waits.
        calculator(lab).await?;
        let to = match whose {
            "ours" => Ok(mine),
            "theirs" => Ok(theirs.clone()),
            _ => Err(error(0, "there is no log")),
        };
        assert!(decide.send(to).is_ok());
        let third = relay(lab, &promise, 20..30);
        if whose == "nobody's" {
            for relayed in [first.await, second.await, third.await] {
                let error = relayed.unwrap_err();
                assert!(reason(&error).contains("there is no log"), "{error:?}");
            }
            continue;
        }
        first.await?;
        second.await?;
        third.await?;
        let notes = match whose {
            "ours" => notes.get(),
            _ => noted(&theirs).await?,
        };
        assert_eq!(notes, Vec::from_iter(0..30), "{whose}");
    }
    Ok(())
}

async fn streams(lab: &lab::Client) -> Result<(), Error> {
    const CHUNKS: u32 = 200;
    let expected = u64::from(CHUNKS) * CHUNK_BYTES as u64;
    let theirs = lab.sink_request().send().pipeline.get_sink();
    assert_eq!(pour(&theirs, CHUNKS).await?, expected);
    let mut request = lab.pour_request();
    request.get().set_into(new_client(ASink::default()));
    request.get().set_chunks(CHUNKS);
    let poured = request.send().promise.await?;
    assert_eq!(poured.get()?.get_bytes(), expected);
    Ok(())
}

async fn errors(lab: &lab::Client) {
    for expected in 0..4 {
        let text = format!("of kind {expected}");
        let mut request = lab.fail_request();
        request.get().set_kind(expected);
        request.get().set_reason(&text[..]);
        let error = request.send().promise.await.map(drop).unwrap_err();
        assert_eq!(kind(&error), expected, "{error:?}");
        assert!(reason(&error).contains(&text), "{error:?}");
    }
    // An object that is of another type than we think.
    let function: function::Client = function_of(lab);
    let error = call(&function, &[]).await.unwrap_err();
    assert_eq!(kind(&error), 3, "{error:?}");
}

async fn cancellation(lab: &lab::Client) -> Result<(), Error> {
    let before = canceled(lab).await?;
    let hanging = lab.hang_request().send();
    // It has begun when a later call has been answered.
    calculator(lab).await?;
    drop(hanging);
    while canceled(lab).await? == before {
        tokio::task::yield_now().await;
    }
    assert_eq!(canceled(lab).await?, before + 1);
    Ok(())
}

pub async fn canceled(lab: &lab::Client) -> Result<u32, Error> {
    Ok(lab
        .canceled_request()
        .send()
        .promise
        .await?
        .get()?
        .get_count())
}

/// To the server's own function, and to one of ours: its results need not pass the server.
async fn tail_calls(lab: &lab::Client) -> Result<(), Error> {
    let mut request = lab.operator_request();
    request.get().set_operator(Operator::Subtract);
    let theirs = request.send().pipeline.get_function();
    for (function, expected) in [(theirs, 8.0 - 3.0), (new_client(Power), 512.0)] {
        let mut request = lab.tail_request();
        request.get().set_to(function);
        request.get().set_params(&[8.0, 3.0][..])?;
        let value = request.send().promise.await?;
        assert_eq!(value.get()?.get_value(), expected);
    }
    Ok(())
}

/// A call that is under way when the connection ends fails for that.
pub async fn check_disconnect(lab: &lab::Client, end: impl FnOnce()) {
    let hanging = lab.hang_request().send();
    calculator(lab).await.unwrap();
    end();
    let error = hanging.promise.await.map(drop).unwrap_err();
    assert_eq!(kind(&error), 2, "{error:?}");
    let error = canceled(lab).await.unwrap_err();
    assert_eq!(kind(&error), 2, "{error:?}");
}

/// A call is under way when the client is no more, by `end`.
pub async fn hang_and_vanish(lab: lab::Client, end: impl FnOnce()) {
    let hanging = lab.hang_request().send();
    calculator(&lab).await.unwrap();
    end();
    drop((hanging, lab));
}

pub async fn wait_for_canceled(lab: &lab::Client, count: u32) {
    while canceled(lab).await.unwrap() < count {
        tokio::task::yield_now().await;
    }
}
