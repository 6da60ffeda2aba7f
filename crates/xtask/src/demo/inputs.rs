//! What a demo run starts from: its arguments, the file, the page and the server program.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::process::{self, Failure};
use crate::steps::timed;
use crate::tools;
use crate::vite;
use crate::workspace;

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) file: Option<String>,
    pub(super) open: bool,
    pub(super) client: Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Chromium,
    Node,
}

pub(super) fn parse(args: &[String]) -> Result<Options, Failure> {
    let mut options = Options {
        file: None,
        open: false,
        client: Client::Chromium,
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            // What npm takes away before a script's arguments and `cargo xtask` passes on.
            "--" => {}
            "--open" => options.open = true,
            "--client" => options.client = client(rest.next().map(String::as_str))?,
            other if other.starts_with("--client=") => {
                options.client = client(other.strip_prefix("--client="))?;
            }
            other if other.starts_with("--") => {
                return Err(Failure::new(format!(
                    "the demo has no option {other}; it takes [FILE] [--open] [--client node|chromium]"
                )));
            }
            file if options.file.is_none() => options.file = Some(file.to_owned()),
            more => {
                return Err(Failure::new(format!(
                    "the demo sends one file, and {more:?} would be a second one"
                )));
            }
        }
    }
    Ok(options)
}

fn client(name: Option<&str>) -> Result<Client, Failure> {
    match name {
        Some("node") => Ok(Client::Node),
        Some("chromium") => Ok(Client::Chromium),
        Some(other) => Err(Failure::new(format!(
            "--client is node or chromium, not {other:?}"
        ))),
        None => Err(Failure::new("--client needs a value: node or chromium")),
    }
}

/// The page's query for a bench run; sizes can be given to look closer.
pub(super) fn bench_query(args: &[String]) -> Result<String, Failure> {
    let (mut bytes, mut chunk, mut rounds) = (128 << 20, 128 << 10, 5_u64);
    let mut window = String::new();
    for pair in args.chunks(2) {
        let (name, value) = match pair {
            [name, value] => (name.as_str(), value.parse::<u64>().ok()),
            _ => ("", None),
        };
        match (name, value) {
            ("--bytes", Some(value)) => bytes = value,
            ("--chunk", Some(value)) => chunk = value,
            ("--rounds", Some(value)) => rounds = value,
            ("--window", Some(value)) => window = format!("&window={value}"),
            _ => {
                return Err(Failure::new(
                    "bench takes --bytes N, --chunk N, --rounds N and --window N, each with a whole number",
                ));
            }
        }
    }
    Ok(format!(
        "bench=1&bytes={bytes}&chunk={chunk}&rounds={rounds}{window}"
    ))
}

/// The file the person named, checked now, or 64 MiB made up once.
pub(super) fn file_to_send(named: Option<&str>) -> Result<PathBuf, Failure> {
    let Some(name) = named else {
        return made_up_file();
    };
    // npm runs scripts in the package's directory; the person's own is in INIT_CWD.
    let started_in = std::env::var_os("INIT_CWD")
        .filter(|_| std::env::var_os("npm_lifecycle_event").is_some())
        .map(PathBuf::from)
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default();
    let path = started_in.join(name);
    let refuse = |why: String| Failure::new(format!("cannot send {}: {why}", path.display()));
    let meta = std::fs::metadata(&path).map_err(|error| refuse(error.to_string()))?;
    if !meta.is_file() {
        return Err(refuse("it is not a file".to_owned()));
    }
    let mut first = [0_u8; 1];
    File::open(&path)
        .and_then(|mut file| file.read(&mut first))
        .map_err(|error| refuse(error.to_string()))?;
    Ok(path)
}

fn made_up_file() -> Result<PathBuf, Failure> {
    let path = workspace::generated("demo").join("64MiB.bin");
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() == MADE_UP_BYTES) {
        return Ok(path);
    }
    workspace::create_dir(&workspace::generated("demo"))?;
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(&path)?);
        // Xorshift: cheap, and nothing on the way can compress it.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..MADE_UP_BYTES / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.write_all(&state.to_le_bytes())?;
        }
        out.flush()
    };
    write().map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// The example's page, bundled by Vite against the built package.
pub(crate) fn build_page() -> Result<PathBuf, Failure> {
    let parts = [
        "src",
        "index.html",
        "files.capnp",
        "vite.config.ts",
        "tsconfig.json",
        "../shared",
    ];
    vite::bundle(
        "page",
        "examples-web/upload",
        &parts,
        page_dir(),
        "index.html",
    )
}

pub(crate) fn page_dir() -> PathBuf {
    workspace::generated("demo").join("page")
}

pub(super) fn build_server() -> Result<PathBuf, Failure> {
    timed("server: cargo build --release upload-server", || {
        process::run(
            "building the server",
            tools::cargo().args([
                "build",
                "--quiet",
                "--release",
                "--package",
                "upload-server",
            ]),
        )
    })?;
    Ok(workspace::cargo_output("release").join("upload-server"))
}

/// Processor and system, for figures that mean nothing without them.
pub(super) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let node = tools::version_of(Path::new("node"));
    format!(
        "{cpu}, {cores} cores, {}, Node {node}",
        std::env::consts::OS
    )
}

const MADE_UP_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Options, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        parse(&args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn arguments_may_come_in_any_order() {
        let expected = Options {
            file: Some("a.bin".to_owned()),
            open: true,
            client: Client::Node,
        };
        assert_eq!(
            parsed(&["--client", "node", "a.bin", "--open"]).as_ref(),
            Ok(&expected)
        );
        assert_eq!(
            parsed(&["--open", "a.bin", "--client=node"]).as_ref(),
            Ok(&expected)
        );
    }

    #[test]
    fn wrong_arguments_are_named() {
        assert!(parsed(&["--clinet"]).is_err_and(|message| message.contains("--clinet")));
        assert!(parsed(&["--client", "lynx"]).is_err_and(|message| message.contains("lynx")));
        assert!(parsed(&["a", "b"]).is_err_and(|message| message.contains("\"b\"")));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_before_anything_is_built() {
        let failure = file_to_send(Some("/no/such/file")).map_err(|failure| failure.to_string());
        assert!(failure.is_err_and(|message| message.contains("/no/such/file")));
    }
}
