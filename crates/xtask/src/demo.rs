//! `npm run demo` and `npm run bench`: the example's server, a client for it, and what the two report.

mod inputs;
mod session;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::Browser;
use crate::gauge::{Gauge, Progress};
use crate::process::Failure;
use crate::setup;
use crate::steps::{bytes, paint, say};
use crate::tools;
use crate::wasm;
use inputs::Client;
pub(crate) use inputs::{build_page, page_dir};
use session::{Event, NodeClient, Server};

/// Sends a file from a page (or from Node) into the Rust server and shows it happening.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let options = inputs::parse(args)?;
    // Before anything is installed or built: a wrong path should not cost minutes.
    let file = inputs::file_to_send(options.file.as_deref())?;

    let in_browser = options.client == Client::Chromium && !options.open;
    setup::for_demo(in_browser)?;
    wasm::build_package()?;
    let page = inputs::build_page()?;
    let server_program = inputs::build_server()?;

    if options.open {
        return keep_open(&Server::start(&server_program, &page, Some(&file))?);
    }
    println!();
    send(options.client, &server_program, &page, &file)
}

/// The demo with one client, from the server's start to the comparison of the hashes.
fn send(client: Client, server_program: &Path, page: &Path, file: &Path) -> Result<(), Failure> {
    let mut server = Server::start(server_program, page, Some(file))?;
    say(&format!("server: {}", server.url));
    say(&format!("file: {}", describe(file)));
    let outcome = match client {
        Client::Chromium => {
            let url = format!("{}/?auto=1", server.url);
            let mut browser = Browser::open(&setup::say_browser()?, &url)?;
            follow(&mut server, || browser.ended_early())
        }
        Client::Node => {
            say("client: Node.js");
            let mut client = NodeClient::start(&server, file)?;
            follow(&mut server, || client.ended_early())
        }
    };
    server.end();
    outcome?.conclude()
}

/// For the tests: the demo as a person runs it, with each client, on the server they have compiled already.
pub(crate) fn rehearse(server_program: &Path) -> Vec<Result<(), Failure>> {
    [Client::Chromium, Client::Node]
        .into_iter()
        .map(|client| {
            let file = inputs::file_to_send(None)?;
            send(client, server_program, &page_dir(), &file)
        })
        .collect()
}

/// The page's own speed test: bare WebSocket frames and streamed calls, in turns, against the same server.
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    let query = inputs::bench_query(args)?;
    setup::for_demo(true)?;
    wasm::build_package()?;
    let page = inputs::build_page()?;
    let server_program = inputs::build_server()?;
    let mut server = Server::start(&server_program, &page, None)?;

    println!();
    let browser_program = setup::say_browser()?;
    say(&format!("machine: {}", inputs::machine()));
    say(&format!(
        "command: {} --port 0, and the browser on /?{query}",
        server_program.display()
    ));
    let mut browser = Browser::open(&browser_program, &format!("{}/?{query}", server.url))?;
    let report = measure(&server, &mut browser);
    server.end();
    let report = report?;

    let figure = |name: &str| {
        report
            .pointer(&format!("/bench/{name}/mbps"))
            .and_then(Value::as_f64)
    };
    println!();
    println!("MB/s              bare frames   Capstan   ratio");
    for (source, bare, ours) in [
        ("from a file", "bareFile", "capstan"),
        ("from memory", "bare", "capstanMemory"),
    ] {
        let (Some(bare), Some(ours)) = (figure(bare), figure(ours)) else {
            return Err(Failure::new(format!(
                "the page's report has no figures in it: {report}"
            )));
        };
        println!("{source:<16} {bare:>12.1} {ours:>9.1} {:>7.2}", ours / bare);
    }
    Ok(())
}

fn measure(server: &Server, browser: &mut Browser) -> Result<Value, Failure> {
    let mut last_sign = Instant::now();
    loop {
        match server.next(POLL)? {
            Some(Event::Client(report)) => {
                last_sign = Instant::now();
                if let Some(error) = report.get("error") {
                    return Err(Failure::new(format!("the page reports: {}", text(error))));
                }
                if report.get("done").is_some() {
                    return Ok(report);
                }
                if let (Some(name), Some(speed)) = (
                    report.get("name").and_then(Value::as_str),
                    report.get("mbps").and_then(Value::as_f64),
                ) {
                    println!("  {name:<8} {speed:>8.1} MB/s");
                }
            }
            Some(Event::Server(_)) => last_sign = Instant::now(),
            None => {}
        }
        if let Some(words) = browser.ended_early() {
            return Err(Failure::new(words));
        }
        give_up_after_silence(last_sign)?;
    }
}

/// What both ends said about the upload once it was over.
struct Outcome {
    client: Value,
    server: Value,
}

impl Outcome {
    fn conclude(&self) -> Result<(), Failure> {
        let hash = |side: &Value| {
            side.get("sha256")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let number = |name: &str| self.client.get(name).and_then(Value::as_f64);
        if let (Some(count), Some(seconds), Some(speed)) =
            (number("bytes"), number("seconds"), number("mbps"))
        {
            println!(
                "sent {} in {seconds:.2} s: {speed:.1} MB/s",
                bytes(count as u64)
            );
        }
        let verdict = compare(hash(&self.client), hash(&self.server))?;
        println!("{}", paint("1;32", &verdict));
        Ok(())
    }
}

/// The line everything leads up to, or how the two ends disagree.
fn compare(client: Option<String>, server: Option<String>) -> Result<String, Failure> {
    match (client, server) {
        (Some(sent), Some(received)) if sent.eq_ignore_ascii_case(&received) => {
            Ok(format!("sha256 {sent} match"))
        }
        (Some(sent), Some(received)) => Err(Failure::new(format!(
            "what arrived is not what was sent\n  sha256 of the client: {sent}\n  sha256 of the server: {received}"
        ))),
        (sent, received) => Err(Failure::new(format!(
            "a sha256 is missing: client {}, server {}",
            sent.unwrap_or_else(|| "none".to_owned()),
            received.unwrap_or_else(|| "none".to_owned())
        ))),
    }
}

/// Draws the gauge until both ends have said their last word.
fn follow(
    server: &mut Server,
    mut ended_early: impl FnMut() -> Option<String>,
) -> Result<Outcome, Failure> {
    let mut gauge = Gauge::new();
    let (mut client_done, mut server_done) = (None, None);
    // The server notices an upload's end before the client has said why; both belong in the message.
    let mut partial: Option<(Instant, String)> = None;
    let mut last_sign = Instant::now();
    let result = loop {
        let event = match server.next(POLL) {
            Ok(event) => event,
            Err(failure) => break Err(failure),
        };
        if event.is_some() {
            last_sign = Instant::now();
        }
        match event {
            Some(Event::Client(report)) => {
                if let Some(progress) = Progress::parse(&report) {
                    gauge.show(&progress);
                } else if let Some(error) = report.get("error") {
                    let also = partial.map_or(String::new(), |(_, words)| format!("\n{words}"));
                    break Err(Failure::new(format!(
                        "the client reports: {}{also}",
                        text(error)
                    )));
                } else if report.get("done").is_some() {
                    client_done = Some(report);
                }
            }
            Some(Event::Server(report)) => match session::kind(&report) {
                "upload_done" => server_done = Some(report),
                "upload_partial" => partial = Some((Instant::now(), session::sentence(&report))),
                _ => {}
            },
            None if client_done.is_none() => {
                if let Some(words) = ended_early() {
                    let also = partial.map_or(String::new(), |(_, words)| format!("\n{words}"));
                    break Err(Failure::new(format!("{words}{also}")));
                }
            }
            None => {}
        }
        if let Some((at, words)) = &partial
            && at.elapsed() > EXPLANATION_LIMIT
        {
            break Err(Failure::new(words.clone()));
        }
        if let (Some(client), Some(server)) = (&client_done, &server_done) {
            break Ok(Outcome {
                client: client.clone(),
                server: server.clone(),
            });
        }
        if let Err(failure) = give_up_after_silence(last_sign) {
            break Err(failure);
        }
    };
    gauge.finish();
    result
}

/// For the person's own browser: stays up until Ctrl-C and says what arrives.
fn keep_open(server: &Server) -> Result<(), Failure> {
    println!();
    println!(
        "Open {} in your browser. Ctrl-C ends the server.",
        paint("1", &format!("{}/", server.url))
    );
    loop {
        if let Some(Event::Server(report)) = server.next(POLL)? {
            println!("{}", session::sentence(&report));
        }
    }
}

fn give_up_after_silence(last_sign: Instant) -> Result<(), Failure> {
    if last_sign.elapsed() < SILENCE_LIMIT {
        return Ok(());
    }
    Err(Failure::new(format!(
        "neither the client nor the server has said anything for {} seconds; \
         `npm run demo -- --open` shows the page in your own browser, where its console can be read",
        SILENCE_LIMIT.as_secs()
    )))
}

fn describe(file: &Path) -> String {
    let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
    format!("{} ({})", file.display(), bytes(size))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// How often to look whether the browser is still there when nothing is reported.
const POLL: Duration = Duration::from_millis(200);

/// Hashing a large file on a slow machine is silent for a while.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);

/// How long a failed upload waits for the client's side of the story.
const EXPLANATION_LIMIT: Duration = Duration::from_secs(3);

/// The example's own files, wherever they are needed.
fn example_dir() -> PathBuf {
    crate::workspace::root().join("examples-web/upload")
}

fn node_command() -> std::process::Command {
    tools::command("node")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hashes_say_match() {
        let line = compare(Some("ab12".into()), Some("AB12".into())).map_err(|e| e.to_string());
        assert_eq!(line, Ok("sha256 ab12 match".to_owned()));
    }

    #[test]
    fn different_or_missing_hashes_are_failures() {
        let differ = compare(Some("ab".into()), Some("cd".into())).map_err(|e| e.to_string());
        assert!(differ.is_err_and(|message| message.contains("not what was sent")));
        let missing = compare(Some("ab".into()), None).map_err(|e| e.to_string());
        assert!(missing.is_err_and(|message| message.contains("server none")));
    }
}
