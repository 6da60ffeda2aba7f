//! Builds and runs the program in `cpp/`: the C++ library as a client and as a server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

const SOURCES: [&str; 2] = ["cpp/peer.cpp", "cpp/files_server.h"];
const SCHEMA: &str = "../../examples-web/upload/files.capnp";

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

/// The compiled program. It is built at most once per change of its sources.
fn peer_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cpp-peer");
        std::fs::create_dir_all(&directory).unwrap();
        let program = directory.join("peer");
        let inputs = SOURCES.iter().chain([&SCHEMA]).map(|path| root.join(path));
        let newest_input = inputs.map(|path| modified(&path).unwrap()).max();
        if modified(&program) < newest_input {
            build(root, &directory, &program);
        }
        program
    })
}

fn build(root: &Path, directory: &Path, program: &Path) {
    // The schema goes next to the output, so that the includes do not depend on where we are.
    std::fs::copy(root.join(SCHEMA), directory.join("files.capnp")).unwrap();
    let mut schema_compiler = Command::new("capnp");
    schema_compiler.args(["compile", "-oc++", "files.capnp"]);
    run(schema_compiler.current_dir(directory));
    // Test programs are separate processes, and two may build at once: the last step is a rename.
    let unfinished = directory.join(format!("peer.{}", std::process::id()));
    let mut compiler = Command::new("g++");
    compiler
        .args(["-std=c++17", "-O1", "-Wall", "-Werror", "-I."])
        .args(["-x", "c++", "files.capnp.c++"])
        .arg(root.join("cpp/peer.cpp"))
        .args(["-lcapnp-rpc", "-lcapnp", "-lkj-async", "-lkj", "-pthread"])
        .arg("-o")
        .arg(&unfinished);
    run(compiler.current_dir(directory));
    std::fs::rename(unfinished, program).unwrap();
}

fn run(command: &mut Command) {
    let output: Output = command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {:?} ({error}). These tests need Debian's packages: apt-get install capnproto libcapnp-dev g++",
            command.get_program()
        )
    });
    assert!(
        output.status.success(),
        "{command:?} failed (are the packages capnproto, libcapnp-dev and g++ installed?):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
