//! `capstan gateway`, where there are sockets.

use std::sync::Arc;
use std::time::Duration;

use capstan_net::Origins;
use capstan_net::gateway::{self, Options, Upstream};

use crate::arguments::Given;
use crate::daemon::{self, End};
use crate::failure::{Failure, print};
use crate::host::Host;

const COMMAND: &str = "capstan gateway";

struct Arguments {
    listen: String,
    to: Upstream,
    packed: bool,
    origins: Vec<String>,
    max_message_bytes: usize,
    max_connections: usize,
    idle_timeout_seconds: u64,
}

impl Arguments {
    fn given(given: &Given) -> Result<Self, String> {
        let number = |flag: &str, default| match given.value(flag) {
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{flag}={text}: this is no number")),
            None => Ok(default),
        };
        let to = given.value("to").ok_or("--to=HOST:PORT is missing")?;
        Ok(Arguments {
            listen: given.value("listen").unwrap_or("127.0.0.1:8080").to_owned(),
            to: to.parse().map_err(|error| format!("--to={to}: {error}"))?,
            packed: given.has("packed"),
            origins: given
                .values("origin")
                .map(origin)
                .collect::<Result<_, _>>()?,
            max_message_bytes: bytes(given.value("max-message").unwrap_or("64MiB"))?,
            max_connections: usize::try_from(number("max-connections", 1000)?)
                .unwrap_or(usize::MAX),
            idle_timeout_seconds: number("idle-timeout", 60)?,
        })
    }
}

/// Forwards until the process is asked to end, by SIGTERM or SIGINT.
pub(crate) fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let arguments = Arguments::given(given).map_err(Failure::Misuse)?;
    daemon::run(COMMAND, host, |end| forward(arguments, host, end))
}

async fn forward(arguments: Arguments, host: &dyn Host, end: End) -> Result<(), Failure> {
    let (listener, address) = daemon::bind(COMMAND, &arguments.listen).await?;
    let packed = if arguments.packed { " (packed)" } else { "" };
    let (allowed_origins, origins) = match arguments.origins.as_slice() {
        [] => (
            Origins::SameHost,
            "the same host; --origin names others".to_owned(),
        ),
        some if some.iter().any(|origin| origin == ANY) => (Origins::Any, "any origin".to_owned()),
        some => (Origins::listed(some), some.join(", ")),
    };
    let line = format!(
        "listening ws://{address} -> {}{packed}, for pages of {origins}\n",
        arguments.to
    );
    print(host, line.as_bytes())?;
    let options = Options {
        allowed_origins,
        packed: arguments.packed,
        max_message_bytes: arguments.max_message_bytes,
        max_connections: arguments.max_connections,
        idle_timeout: (arguments.idle_timeout_seconds > 0)
            .then(|| Duration::from_secs(arguments.idle_timeout_seconds)),
        report: Some(Arc::new(|line: &str| eprintln!("{COMMAND}: {line}"))),
        ..Options::default()
    };
    Ok(gateway::serve(listener, arguments.to, options, end)
        .await
        .map_err(|error| format!("{COMMAND}: {error}"))?)
}

fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    // What a page that was opened from a file or a data: address sends.
    if !["null", ANY].contains(&origin) && (host.is_empty() || host.contains('/')) {
        return Err("an origin is a scheme and a host, such as https://example.com".to_owned());
    }
    Ok(origin.to_owned())
}

/// Any origin.
const ANY: &str = "*";

fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = if let Some(number) = text.strip_suffix("KiB") {
        (number, 1 << 10)
    } else if let Some(number) = text.strip_suffix("MiB") {
        (number, 1 << 20)
    } else {
        (text, 1)
    };
    let bytes = number.trim().parse::<usize>().ok();
    bytes
        .and_then(|number| number.checked_mul(unit))
        .filter(|bytes| *bytes >= 8)
        .ok_or_else(|| {
            "a message is 8 bytes at least: a number, such as 65536, 64KiB or 64MiB".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("65536"), Ok(65536));
        assert_eq!(bytes("64KiB"), Ok(65536));
        assert_eq!(bytes("2 MiB"), Ok(2 << 20));
        for wrong in ["", "7", "MiB", "64 GB", "-1", "99999999999999999999MiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_read() {
        assert_eq!(
            origin("https://example.com/"),
            Ok("https://example.com".to_owned())
        );
        assert_eq!(origin("null"), Ok("null".to_owned()));
        assert_eq!(origin("*"), Ok("*".to_owned()));
        for wrong in ["example.com", "https://", "https://example.com/app"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
