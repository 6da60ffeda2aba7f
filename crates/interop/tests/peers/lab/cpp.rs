//! The laboratory on the C++ library: `cpp/lab.cpp`, in processes of their own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use tokio::task::spawn_blocking;

use super::Wire;
use crate::cpp::Program;

/// A server, until it is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(wire: Wire) -> Self {
        let (child, line, _) = started(lab().args(["server", argument(wire)]));
        let port = line
            .strip_prefix("listening ")
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("the C++ server said {line:?} in place of its port"));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client does all that it can with the server at `port`.
pub async fn check_client(wire: Wire, port: u16) {
    let mut client = lab();
    client.args(["client", argument(wire), &port.to_string()]);
    let output = spawn_blocking(move || client.output().unwrap()).await;
    let output = output.unwrap();
    let lines = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "the C++ client failed after {lines}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(lines.ends_with("still connected\n"), "{lines}");
}

/// A client whose call the server has got, and will not answer. Dropped, it is killed.
pub struct Hanging {
    child: Option<Child>,
    rest: Option<BufReader<ChildStdout>>,
}

impl Hanging {
    pub async fn start(wire: Wire, port: u16) -> Self {
        let mut client = lab();
        client.args(["lose", argument(wire), &port.to_string()]);
        let (child, line, rest) = spawn_blocking(move || started(&mut client)).await.unwrap();
        assert_eq!(line, "hanging");
        Self {
            child: Some(child),
            rest: Some(rest),
        }
    }

    /// When the connection has ended, the client says that its call failed for that.
    pub async fn check_disconnected(mut self) {
        let (mut child, mut rest) = (self.child.take().unwrap(), self.rest.take().unwrap());
        let ended = spawn_blocking(move || {
            let mut lines = String::new();
            rest.read_to_string(&mut lines).unwrap();
            (lines, child.wait().unwrap())
        });
        let (lines, status) = ended.await.unwrap();
        assert!(status.success(), "{status}");
        assert_eq!(lines, "disconnected\n");
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A process, its first line, and where further ones come.
fn started(command: &mut Command) -> (Child, String, BufReader<ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    (child, line.trim_end().to_owned(), lines)
}

fn lab() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program: &Path = PROGRAM.get_or_init(|| {
        let program = Program {
            name: "lab",
            headers: &["lab_objects.h"],
            schema: "schemas/lab.capnp",
        };
        program.path()
    });
    Command::new(program)
}

fn argument(wire: Wire) -> &'static str {
    match wire {
        Wire::Plain => "tcp",
        Wire::WebSocket => "ws",
        Wire::Packed => panic!("the C++ library packs no RPC"),
    }
}
