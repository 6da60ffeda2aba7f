//! `capstan http-proxy` as processes, one behind the other. What they do with requests is tested in `crates/http`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;

fn proxy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capstan"));
    command.arg("http-proxy").args(arguments);
    command
}

/// A proxy that runs, and the address that its first line names.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(listen: &str, to: &str) -> Self {
        let mut command = proxy(&["--listen", listen, "--to", to]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening ")
            .and_then(|rest| rest.split_once(" -> "));
        let (address, shown) = address.unwrap_or_else(|| panic!("{line:?}"));
        assert_eq!(shown.trim_end(), to);
        let address = address.to_owned();
        Self { child, address }
    }

    #[cfg(unix)]
    fn ask_to_end(&self) {
        self.signal("-TERM");
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let kill = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    #[cfg(unix)]
    fn wait(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    #[cfg(unix)]
    fn end(self) {
        self.ask_to_end();
        self.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers each request with its first line.
fn origin() -> String {
    origin_that(|| {})
}

/// The same, when `wait` has returned, which is called for each request.
fn origin_that(wait: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut first = String::new();
            stream.read_line(&mut first).unwrap();
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            wait();
            let first = first.trim_end();
            let length = first.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{first}"
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn get(address: &str, path: &str) -> String {
    let host = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(unix)]
#[test]
fn requests_go_through_both() {
    let origin = origin();
    for wire in ["ws://127.0.0.1:0/rpc", "tcp://127.0.0.1:0"] {
        let back = Running::start(wire, &origin);
        let front = Running::start("http://127.0.0.1:0", &back.address);
        let answer = get(&front.address, "/a?b=c");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nGET /a?b=c HTTP/1.1"), "{answer}");
        // The service goes away, and comes again.
        let listen = back.address.clone();
        back.end();
        let answer = get(&front.address, "/");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        let back = Running::start(&listen, &origin);
        let answer = get(&front.address, "/again");
        assert!(answer.ends_with("GET /again HTTP/1.1"), "{answer}");
        front.end();
        back.end();
    }
}

#[cfg(unix)]
#[test]
fn requests_under_way_end_before_the_service_does() {
    for wire in ["ws://127.0.0.1:0/rpc", "tcp://127.0.0.1:0"] {
        let (arrived, arrives) = channel();
        let (answer, may_answer) = channel();
        let origin = origin_that(move || {
            arrived.send(()).unwrap();
            may_answer.recv().unwrap();
        });
        let back = Running::start(wire, &origin);
        let front = Running::start("http://127.0.0.1:0", &back.address);
        let http = front.address.clone();
        let getting = std::thread::spawn(move || get(&http, "/slow"));
        arrives.recv().unwrap();
        back.ask_to_end();
        let (_, address) = back.address.split_once("://").unwrap();
        let address = address.trim_end_matches("/rpc");
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        answer.send(()).unwrap();
        let answer = getting.join().unwrap();
        assert!(answer.ends_with("GET /slow HTTP/1.1"), "{wire}: {answer}");
        back.wait();
        front.end();
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_does_not_wait() {
    for (signal, status) in [("-TERM", 143), ("-INT", 130)] {
        for is_front in [true, false] {
            let (arrived, arrives) = channel();
            let (answer, may_answer) = channel::<()>();
            let origin = origin_that(move || {
                arrived.send(()).unwrap();
                let _ = may_answer.recv();
            });
            let mut back = Running::start("tcp://127.0.0.1:0", &origin);
            let mut front = Running::start("http://127.0.0.1:0", &back.address);
            let host = front.address.strip_prefix("http://").unwrap();
            let mut client = TcpStream::connect(host).unwrap();
            client
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            arrives.recv().unwrap();
            let running = if is_front { &mut front } else { &mut back };
            running.signal(signal);
            let mut told = String::new();
            BufReader::new(running.child.stderr.as_mut().unwrap())
                .read_line(&mut told)
                .unwrap();
            assert!(told.contains("a second signal ends it at once"), "{told}");
            running.signal(signal);
            assert_eq!(running.child.wait().unwrap().code(), Some(status));
            drop(answer);
        }
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    for (arguments, why) in [
        (&["--to", "http://a:1"][..], "--listen=ADDRESS is missing"),
        (
            &["--listen", "http://a:1", "--to", "http://b:1"],
            "the other for RPC",
        ),
        (
            &["--listen", "ws://a:1", "--to", "tcp://b:1"],
            "the other for HTTP",
        ),
        (
            &["--listen", "ws://a:1", "--to", "b:1"],
            "begins with http://",
        ),
        (&["--listen", "ws://a:1", "--to", "https://b"], "plain HTTP"),
        (
            &["--listen", "tcp://a", "--to", "http://b"],
            "name the port",
        ),
        (
            &["--listen", "http://a:1/x", "--to", "tcp://b:1"],
            "no path",
        ),
        (
            &[
                "--listen",
                "http://a:1",
                "--to",
                "tcp://b:1",
                "--tunnel",
                "c:1",
            ],
            "--tunnel is for serving RPC",
        ),
        (
            &["--listen", "tcp://a:1", "--to", "http://b", "--tunnel", "c"],
            "name a host and a port",
        ),
        (
            &["--listen", "wss://a:1/x", "--to", "http://b"],
            "speaks no TLS",
        ),
        (
            &["--listen", "127.0.0.1:80", "--to", "tcp://b:1"],
            "--listen=127.0.0.1:80: an address begins with",
        ),
        (
            &["--listen", "http://8080", "--to", "tcp://b:1"],
            "such as 127.0.0.1:8080",
        ),
        (
            &["--listen", "http://192.0.2.1:80", "--to", "tcp://b:1"],
            "this machine has no such address",
        ),
        (
            &["--listen", "http://256.0.0.1:1", "--to", "tcp://b:1"],
            "cannot listen",
        ),
    ] {
        let Output { status, stderr, .. } = proxy(arguments).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(
            !status.success() && stderr.contains(why),
            "{arguments:?}: {stderr}"
        );
    }
}
