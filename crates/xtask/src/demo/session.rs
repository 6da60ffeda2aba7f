//! The example's server as a child process, and the lines both ends report through it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{example_dir, node_command};
use crate::process::{self, Failure, Running};
use crate::steps::bytes;

/// Something one of the two ends said.
pub(super) enum Event {
    /// A report of the page, or of the Node client: progress, `done` or `error`.
    Client(Value),
    /// The server's own account of an upload.
    Server(Value),
}

pub(super) struct Server {
    running: Running,
    lines: Receiver<Line>,
    sender: Sender<Line>,
    pub(super) url: String,
}

enum Line {
    FromServer(String),
    FromNode(String),
    ServerEnded,
}

impl Server {
    /// Started and listening.
    pub(super) fn start(
        program: &Path,
        assets: &Path,
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command
            .args(["--port", "0", "--assets"])
            .arg(assets)
            .stdout(Stdio::piped());
        if let Some(file) = file {
            command.arg("--file").arg(file);
        }
        let mut running = process::start("the server", &mut command)?;
        let (sender, lines) = channel();
        read_lines(
            &mut running.child,
            sender.clone(),
            Line::FromServer,
            Some(Line::ServerEnded),
        );

        let deadline = Instant::now() + START_LIMIT;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match lines.recv_timeout(left) {
                Ok(Line::FromServer(line)) => {
                    if let Some(url) = line.strip_prefix("listening ") {
                        let url = url.trim().trim_end_matches('/').to_owned();
                        return Ok(Self {
                            running,
                            lines,
                            sender,
                            url,
                        });
                    }
                    eprintln!("server: {line}");
                }
                Ok(Line::FromNode(_)) => {}
                Ok(Line::ServerEnded) => {
                    let status = running.wait("the server")?;
                    return Err(Failure::new(format!(
                        "the server ended before it listened ({status}): {}",
                        process::describe(&command)
                    )));
                }
                Err(_) => break,
            }
        }
        Err(Failure::new(format!(
            "the server did not say that it listens within {} seconds",
            START_LIMIT.as_secs()
        )))
    }

    /// The next thing said, or `None` after `patience`.
    pub(super) fn next(&self, patience: Duration) -> Result<Option<Event>, Failure> {
        let line = match self.lines.recv_timeout(patience) {
            Ok(Line::ServerEnded) | Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(
                    "the server ended while it was needed; its last words are above",
                ));
            }
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Ok(Line::FromServer(line)) => line,
            Ok(Line::FromNode(line)) => {
                return Ok(serde_json::from_str(&line).map(Event::Client).ok());
            }
        };
        let Ok(mut message) = serde_json::from_str::<Value>(&line) else {
            eprintln!("server: {line}");
            return Ok(None);
        };
        if let Some(report) = message.get_mut("page") {
            return Ok(Some(Event::Client(report.take())));
        }
        Ok(message
            .get_mut("server")
            .map(|report| Event::Server(report.take())))
    }

    pub(super) fn end(&mut self) {
        self.running.end(Duration::from_secs(2));
    }
}

/// The example's client without a browser.
pub(super) struct NodeClient {
    running: Running,
}

impl NodeClient {
    pub(super) fn start(server: &Server, file: &Path) -> Result<Self, Failure> {
        let mut command = node_command();
        command
            .arg(example_dir().join("node-client.mjs"))
            .arg(&server.url)
            .arg(file)
            .stdout(Stdio::piped());
        let mut running = process::start("the Node client", &mut command)?;
        read_lines(
            &mut running.child,
            server.sender.clone(),
            Line::FromNode,
            None,
        );
        Ok(Self { running })
    }

    pub(super) fn ended_early(&mut self) -> Option<String> {
        let status = self.running.child.try_wait().ok().flatten()?;
        Some(format!("the Node client ended without a report ({status})"))
    }
}

/// What kind of report of the server's this is.
pub(super) fn kind(report: &Value) -> &str {
    report.get("event").and_then(Value::as_str).unwrap_or("")
}

/// A report of the server's in words.
pub(super) fn sentence(report: &Value) -> String {
    let words = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or("?");
    let count = |name: &str| bytes(report.get(name).and_then(Value::as_u64).unwrap_or(0));
    match kind(report) {
        "upload_started" => format!("{}: upload of {} begins", words("name"), count("size")),
        "upload_done" => format!(
            "{}: {} arrived, sha256 {}",
            words("name"),
            count("bytes"),
            words("sha256")
        ),
        "upload_partial" => format!(
            "{}: partial upload, {} of {} arrived: {}",
            words("name"),
            count("bytes"),
            count("size"),
            words("reason")
        ),
        _ => report.to_string(),
    }
}

/// Reads on a thread of its own: neither end may ever wait for us to look.
fn read_lines(child: &mut Child, to: Sender<Line>, line: fn(String) -> Line, at_end: Option<Line>) {
    let stdout: Option<ChildStdout> = child.stdout.take();
    std::thread::spawn(move || {
        for text in stdout
            .into_iter()
            .flat_map(|out| BufReader::new(out).lines())
        {
            let Ok(text) = text else { break };
            if to.send(line(text)).is_err() {
                return;
            }
        }
        if let Some(last) = at_end {
            let _ = to.send(last);
        }
    });
}

const START_LIMIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_partial_upload_reads_as_partial() {
        let report = json!({"event": "upload_partial", "name": "a.bin", "bytes": 65_536,
            "size": 131_072, "reason": "the connection was lost"});
        assert_eq!(
            sentence(&report),
            "a.bin: partial upload, 64.0 KiB of 128.0 KiB arrived: the connection was lost"
        );
    }
}
