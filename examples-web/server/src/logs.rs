//! Makes logs up and streams them, packed.

use capstan_message::message::Builder;
use capstan_message::serialize_packed::append_message;
use capstan_rpc::{Error, new_client};

use crate::log_capnp::{byte_sink, entry, logs};

/// More rows than this are refused.
const ROWS_MAX: u32 = 10_000_000;
/// Written at once, or a little more.
const PIECE_BYTES: usize = 64 << 10;

/// 2026-01-01, in milliseconds since 1970.
const START: u64 = 1_767_225_600_000;
const SOURCES: [&str; 4] = ["store", "web", "billing", "mail"];

pub fn logs() -> logs::Client {
    new_client(Logs)
}

struct Logs;

impl logs::Server for Logs {
    async fn send(
        &self,
        params: logs::SendParams,
        _results: logs::SendResults,
    ) -> Result<(), Error> {
        let (rows, into) = {
            let params = params.get()?;
            (params.get_rows(), params.get_into()?)
        };
        if rows > ROWS_MAX {
            return Err(Error::failed(format!(
                "a log has at most {ROWS_MAX} rows, not {rows}"
            )));
        }
        let mut packed = Vec::with_capacity(2 * PIECE_BYTES);
        for row in 0..rows {
            append(row, &mut packed).map_err(|error| Error::failed(error.to_string()))?;
            if packed.len() >= PIECE_BYTES {
                write(&into, &packed).await?;
                packed.clear();
            }
        }
        write(&into, &packed).await?;
        into.end_request().send().promise.await?;
        Ok(())
    }
}

async fn write(into: &byte_sink::Client, piece: &[u8]) -> Result<(), Error> {
    let mut request = into.write_request();
    request.get().set_chunk(piece);
    request.send().await
}

fn append(row: u32, packed: &mut Vec<u8>) -> capstan_message::Result<()> {
    let mut message = Builder::new_default();
    let mut entry = message.init_root::<entry::Builder<'_>>();
    entry.set_time(START + u64::from(row) * 37);
    let level = match row % 100 {
        0 => entry::Level::Error,
        1..=5 => entry::Level::Warning,
        6..=60 => entry::Level::Info,
        _ => entry::Level::Debug,
    };
    entry.set_level(level);
    let source = SOURCES.get(row as usize % SOURCES.len());
    entry.set_source(source.copied().unwrap_or_default());
    entry.set_text(&*format!("request {row} took {} ms", row % 977));
    append_message(&message, packed)
}
