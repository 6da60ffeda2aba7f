//! What listens goes on when the process has run out of file descriptors.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};

const DESCRIPTORS: usize = 32;

#[test]
fn listeners_survive_the_lack_of_descriptors() {
    let nowhere = "tcp://127.0.0.1:1";
    for arguments in [
        ["http-proxy", "--listen=http://127.0.0.1:0", nowhere],
        [
            "http-proxy",
            "--listen=ws://127.0.0.1:0",
            "http://127.0.0.1:1",
        ],
        [
            "http-proxy",
            "--listen=tcp://127.0.0.1:0",
            "http://127.0.0.1:1",
        ],
        ["gateway", "--listen=127.0.0.1:0", "127.0.0.1:1"],
    ] {
        survives(arguments);
    }
}

fn survives([verb, listen, to]: [&str; 3]) {
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\""),
        ])
        .args([env!("CARGO_BIN_EXE_capstan"), verb, listen, "--to", to])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .split(&[' ', '/'])
        .find(|part| part.starts_with("127.0.0.1:"))
        .unwrap_or_else(|| panic!("{line:?}"));
    let mut reports = BufReader::new(child.stderr.take().unwrap());

    // The system completes connections that nobody has accepted yet.
    let clients: Vec<_> = (0..2 * DESCRIPTORS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut report = String::new();
    reports.read_line(&mut report).unwrap();
    assert!(
        report.contains("no connections can be accepted") && report.contains("ulimit -n"),
        "{listen}: {report:?}"
    );
    drop(clients);

    let mut client = TcpStream::connect(address).unwrap();
    let is_http = !listen.contains("tcp:");
    if is_http {
        let request = "GET /elsewhere HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
    } else {
        client.shutdown(Shutdown::Write).unwrap();
    }
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(
        answer.starts_with("HTTP/1.1 "),
        is_http,
        "{listen}: {answer:?}"
    );
    assert!(
        child.try_wait().unwrap().is_none(),
        "{listen}: it has ended"
    );

    child.kill().unwrap();
    child.wait().unwrap();
    let mut others = String::new();
    reports.read_to_string(&mut others).unwrap();
    assert!(!others.contains("accepted"), "{listen}: {others}");
}
