//! Builds a program of the directory `cpp`, with the code that the reference compiler generates.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// A program, named after its source.
pub struct Program {
    pub name: &'static str,
    /// What else the source includes from `cpp`.
    pub headers: &'static [&'static str],
    /// Of this crate's directory.
    pub schema: &'static str,
}

impl Program {
    /// Where it is. It is built at most once per change of its sources; a process asks once.
    pub fn path(&self) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cpp-{}", self.name));
        std::fs::create_dir_all(&directory).unwrap();
        let program = directory.join(self.name);
        let source = format!("{}.cpp", self.name);
        let sources = self.headers.iter().copied().chain([&source[..]]);
        let inputs = sources
            .map(|file| root.join("cpp").join(file))
            .chain([root.join(self.schema)]);
        let newest_input = inputs.map(|path| modified(&path).unwrap()).max();
        if modified(&program) < newest_input {
            self.build(root, &directory, &program);
        }
        program
    }

    fn build(&self, root: &Path, directory: &Path, program: &Path) {
        // The schema goes next to the output, so that the includes do not depend on where we are.
        let schema = root.join(self.schema);
        let name = schema.file_name().unwrap().to_str().unwrap();
        std::fs::copy(&schema, directory.join(name)).unwrap();
        let mut schema_compiler = Command::new("capnp");
        schema_compiler.args(["compile", "-oc++", name]);
        run(schema_compiler.current_dir(directory));
        // Test programs are separate processes, and two may build at once: the last step is a rename.
        let unfinished = directory.join(format!("{}.{}", self.name, std::process::id()));
        let mut compiler = Command::new("g++");
        compiler
            .args(["-std=c++17", "-O1", "-Wall", "-Werror", "-I."])
            .arg(format!("-I{}", root.join("cpp").display()))
            .args(["-x", "c++", &format!("{name}.c++")])
            .arg(root.join(format!("cpp/{}.cpp", self.name)))
            .args(["-lcapnp-websocket", "-lkj-http"])
            .args(["-lcapnp-rpc", "-lcapnp", "-lkj-async", "-lkj", "-pthread"])
            .arg("-o")
            .arg(&unfinished);
        run(compiler.current_dir(directory));
        std::fs::rename(unfinished, program).unwrap();
    }
}

/// What it writes, and it must succeed.
pub fn run(command: &mut Command) -> Vec<u8> {
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
    output.stdout
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
