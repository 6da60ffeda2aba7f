//! Builds and runs the program in `cpp/`: the C++ library as a client and as a server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::cpp::Program;

/// A C++ server on a loopback port, ended when dropped.
pub struct CppServer {
    child: Child,
    pub port: u16,
}

impl CppServer {
    pub fn start() -> Self {
        let mut child = Command::new(peer_program())
            .arg("server")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line
            .strip_prefix("listening ")
            .and_then(|port| port.trim().parse().ok())
            .unwrap_or_else(|| panic!("the C++ server said {line:?} in place of its port"));
        Self { child, port }
    }
}

impl Drop for CppServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs every scenario of the C++ client against the server at `port`, and returns its lines.
pub fn run_cpp_client(port: u16, bytes: u64) -> Vec<String> {
    let output = Command::new(peer_program())
        .args(["client", &port.to_string(), &bytes.to_string()])
        .output()
        .unwrap();
    let lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    assert!(
        output.status.success(),
        "the C++ client failed after {lines:#?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines
}

/// The compiled program.
fn peer_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Program {
            name: "peer",
            headers: &["files_server.h"],
            schema: "../../examples-web/upload/files.capnp",
        };
        program.path()
    })
}
