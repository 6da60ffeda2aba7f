//! The server as a process that is asked to end while a file is on its way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use capstan_net::{Connection, Options, tcp, websocket};
use tokio::net::TcpStream;
use upload_server::files_capnp::{byte_sink, files};

struct Server {
    child: Child,
    address: String,
    tcp_port: u16,
}

impl Server {
    async fn start() -> Self {
        let assets = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ending");
        std::fs::create_dir_all(&assets).unwrap();
        std::fs::write(assets.join("index.html"), "<p>the page").unwrap();
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp_port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new(env!("CARGO_BIN_EXE_upload-server"))
            .arg("--assets")
            .arg(assets)
            .args(["--tcp-port", &tcp_port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        // What comes later is read as well, so that the server can go on.
        std::thread::spawn(move || for _ in output.lines() {});
        let address = line.trim_end().strip_prefix("listening http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
            tcp_port,
        }
    }

    async fn connect(&self, is_tcp: bool) -> Connection {
        let connected = match is_tcp {
            true => tcp::connect(&format!("127.0.0.1:{}", self.tcp_port), Options::default()).await,
            false => {
                websocket::connect(&format!("ws://{}/rpc", self.address), Options::default()).await
            }
        };
        connected.unwrap()
    }

    fn signal(&self, signal: &str) {
        let kill = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn upload(connection: &Connection) -> byte_sink::Client {
    let mut request = connection.bootstrap::<files::Client>().create_request();
    request.get().set_name("file");
    request.get().set_size(10);
    let created = request.send().promise.await.unwrap();
    let sink = created.get().unwrap().get_sink().unwrap();
    write(&sink, b"first").await;
    sink
}

async fn write(sink: &byte_sink::Client, bytes: &[u8]) {
    let mut request = sink.write_request();
    request.get().set_chunk(bytes);
    request.send().await.unwrap();
}

#[tokio::test]
async fn an_upload_goes_on_to_its_end() {
    for (is_tcp, signal) in [(false, "-TERM"), (true, "-INT")] {
        let mut server = Server::start().await;
        let connection = server.connect(is_tcp).await;
        let sink = upload(&connection).await;
        server.signal(signal);
        while TcpStream::connect(&server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        write(&sink, b"later").await;
        let ended = sink.end_request().send().promise.await.unwrap();
        assert_eq!(ended.get().unwrap().get_total(), 10);
        drop(sink);
        connection.closed().await;
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_it() {
    let mut server = Server::start().await;
    let connection = server.connect(false).await;
    let _sink = upload(&connection).await;
    server.signal("-TERM");
    while TcpStream::connect(&server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.signal("-TERM");
    connection.closed().await;
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
}
