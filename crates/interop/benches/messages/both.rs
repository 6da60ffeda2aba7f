// Included once for each library, with `api` naming it: what a case is, and the ways to run it.

pub use api::traits::Owned;

/// A client sends a request, a server answers it, the client checks the answer.
pub trait Case {
    type Request: Owned;
    type Response: Owned;
    /// What the client knows of the right answer.
    type Expected;

    fn fill(random: &mut Random, request: <Self::Request as Owned>::Builder<'_>) -> Self::Expected;
    fn answer(
        request: <Self::Request as Owned>::Reader<'_>,
        response: <Self::Response as Owned>::Builder<'_>,
    ) -> api::Result<()>;
    fn check(
        response: <Self::Response as Owned>::Reader<'_>,
        expected: &Self::Expected,
    ) -> api::Result<bool>;
}

/// Messages are passed in memory: no bytes are made.
pub fn object<C: Case>(random: &mut Random, tally: &mut Tally) -> api::Result<()> {
    let mut request = api::message::Builder::new_default();
    let expected = C::fill(random, request.init_root());
    let mut response = api::message::Builder::new_default();
    C::answer(request.get_root_as_reader()?, response.init_root())?;
    tally.count(C::check(response.get_root_as_reader()?, &expected)?, 0);
    Ok(())
}

/// Messages are framed, written to a buffer, and read from it in place.
pub fn bytes<C: Case>(random: &mut Random, tally: &mut Tally) -> api::Result<()> {
    let options = api::message::ReaderOptions::new();
    let mut wire = std::mem::take(&mut tally.wire);
    wire.clear();
    let mut request = api::message::Builder::new_default();
    let expected = C::fill(random, request.init_root());
    api::serialize::write_message(&mut wire, &request)?;
    let request_bytes = wire.len();

    let mut rest = &wire[..];
    let received = api::serialize::read_message_from_flat_slice(&mut rest, options)?;
    let mut response = api::message::Builder::new_default();
    C::answer(received.get_root()?, response.init_root())?;
    drop(received);
    api::serialize::write_message(&mut wire, &response)?;

    let mut rest = &wire[request_bytes..];
    let received = api::serialize::read_message_from_flat_slice(&mut rest, options)?;
    tally.count(C::check(received.get_root()?, &expected)?, wire.len());
    drop(received);
    tally.wire = wire;
    Ok(())
}

/// Messages are framed and copied in from a stream, as from a socket.
pub fn stream<C: Case>(random: &mut Random, tally: &mut Tally) -> api::Result<()> {
    let options = api::message::ReaderOptions::new();
    let mut wire = std::mem::take(&mut tally.wire);
    wire.clear();
    let mut request = api::message::Builder::new_default();
    let expected = C::fill(random, request.init_root());
    api::serialize::write_message(&mut wire, &request)?;
    let request_bytes = wire.len();

    let received = api::serialize::read_message(&wire[..], options)?;
    let mut response = api::message::Builder::new_default();
    C::answer(received.get_root()?, response.init_root())?;
    api::serialize::write_message(&mut wire, &response)?;

    let received = api::serialize::read_message(&wire[request_bytes..], options)?;
    tally.count(C::check(received.get_root()?, &expected)?, wire.len());
    tally.wire = wire;
    Ok(())
}

/// Messages are framed, packed, and unpacked from the buffer.
pub fn packed<C: Case>(random: &mut Random, tally: &mut Tally) -> api::Result<()> {
    let options = api::message::ReaderOptions::new();
    let mut wire = std::mem::take(&mut tally.wire);
    wire.clear();
    let mut request = api::message::Builder::new_default();
    let expected = C::fill(random, request.init_root());
    api::serialize_packed::write_message(&mut wire, &request)?;
    let request_bytes = wire.len();

    let received = api::serialize_packed::read_message(&wire[..], options)?;
    let mut response = api::message::Builder::new_default();
    C::answer(received.get_root()?, response.init_root())?;
    api::serialize_packed::write_message(&mut wire, &response)?;

    let received = api::serialize_packed::read_message(&wire[request_bytes..], options)?;
    tally.count(C::check(received.get_root()?, &expected)?, wire.len());
    tally.wire = wire;
    Ok(())
}
