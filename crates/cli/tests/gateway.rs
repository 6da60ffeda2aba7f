//! `capstan gateway` as a process. What it forwards, and how connections end, is tested with
//! `capstan_net::gateway` and in `crates/interop`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capstan"));
    command.arg("gateway").args(arguments);
    command
}

/// Started, and the address of its first line.
fn started(arguments: &[&str]) -> (Child, String, String) {
    let mut child = gateway(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .strip_prefix("listening ws://")
        .and_then(|rest| rest.split_once(' '))
        .map(|(address, _)| address.to_owned())
        .unwrap_or_else(|| panic!("{line:?}"));
    (child, address, line)
}

#[cfg(unix)]
#[test]
fn ends_in_good_order_when_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap().to_string();
        let (mut child, address, line) = started(&["--listen", "127.0.0.1:0", "--to", &to]);
        assert!(
            line.contains(&to) && line.contains("pages of the same host"),
            "{line}"
        );
        let mut client = TcpStream::connect(address).unwrap();
        let handshake = "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.write_all(handshake.as_bytes()).unwrap();
        let (mut upstream, _) = server.accept().unwrap();
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(upstream.read(&mut [0; 8]).unwrap(), 0);
        drop(upstream);
        // The rest of the response's header, then a close frame: code 1001 and the reason.
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        let text = String::from_utf8_lossy(&received);
        assert!(text.starts_with("HTTP/1.1 101"), "{text}");
        assert!(text.contains("the gateway is being shut down"), "{text}");
        assert!(
            received
                .windows(2)
                .any(|code| code == 1001_u16.to_be_bytes())
        );
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, why) in [
        (&["--listen", "127.0.0.1:0"][..], "--to"),
        (&["--to", "localhost"], "host:port"),
        (&["--to", "unix:"], "lacks the path"),
        (
            &["--to", "h:1", "--origin", "example.com"],
            "a scheme and a host",
        ),
        (&["--to", "h:1", "--max-message", "64 GB"], "64MiB"),
        (&["--to", "h:1", "--listen", &taken], "cannot listen on"),
    ] {
        let Output { status, stderr, .. } = gateway(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(why), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_first_line_says_what_was_chosen() {
    let (mut child, address, line) = started(&[
        "--listen",
        "127.0.0.1:0",
        "--to",
        "unix:/nowhere",
        "--packed",
        "--origin",
        "https://example.com/",
        "--origin",
        "null",
    ]);
    let expected = format!(
        "listening ws://{address} -> unix:/nowhere (packed), for pages of https://example.com, null\n"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, expected);

    let everybody = ["--listen", "127.0.0.1:0", "--to", "h:1", "--origin", "*"];
    let (mut child, address, line) = started(&everybody);
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = format!("listening ws://{address} -> h:1, for pages of any origin\n");
    assert_eq!(line, expected);
}
