//! `npm run example`: one of the pages of examples-web, with its server in Rust or in JavaScript.

use std::path::PathBuf;
use std::process::Command;

use crate::demo;
use crate::process::{self, Failure};
use crate::setup;
use crate::steps::timed;
use crate::tools;
use crate::vite;
use crate::wasm;
use crate::workspace;

/// All of them. Upload has a build and a server in Rust of its own: it came first, and is the demo.
const NAMES: [&str; 5] = ["pipeline", "chat", "http", "log-viewer", "upload"];

#[derive(Debug, PartialEq)]
struct Options {
    name: String,
    server: Server,
    port: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Rust,
    Js,
}

/// Builds what is missing, starts the server and stays until it is interrupted.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Options { name, server, port } = parse(args)?;
    setup::for_demo(false)?;
    wasm::build_package()?;
    let is_upload = name == "upload";
    let pages = if is_upload {
        demo::build_page()?
    } else {
        build_pages()?
    };
    let mut command = match server {
        Server::Rust if is_upload => Command::new(build_server("upload-server")?),
        Server::Rust => Command::new(build_server("examples-server")?),
        Server::Js => {
            let mut node = tools::command("node");
            node.arg(dir().join(&name).join("server.mjs"));
            node
        }
    };
    command.args(["--port", &port]).arg("--assets").arg(pages);
    println!();
    let path = if is_upload {
        String::new()
    } else {
        format!("{name}/")
    };
    process::each_line("the server", &mut command, |line| {
        match line.strip_prefix("listening ") {
            Some(address) => {
                println!("Open {address}/{path} in your browser. Ctrl-C ends the server.");
            }
            None => println!("{line}"),
        }
    })
    .map(|_| ())
}

/// All pages but upload's, bundled by Vite against the built package.
pub(crate) fn build_pages() -> Result<PathBuf, Failure> {
    let parts = [
        "pipeline",
        "chat",
        "http",
        "log-viewer",
        "shared",
        "vite.config.ts",
        "tsconfig.json",
    ];
    vite::bundle(
        "example pages",
        "examples-web",
        &parts,
        pages_dir(),
        "chat/index.html",
    )
}

pub(crate) fn pages_dir() -> PathBuf {
    workspace::generated("examples")
}

fn dir() -> PathBuf {
    workspace::root().join("examples-web")
}

fn build_server(package: &str) -> Result<PathBuf, Failure> {
    timed(
        &format!("server: cargo build --release --package {package}"),
        || {
            process::run(
                "building the server",
                tools::cargo().args(["build", "--quiet", "--release", "--package", package]),
            )
        },
    )?;
    Ok(workspace::cargo_output("release").join(package))
}

fn parse(args: &[String]) -> Result<Options, Failure> {
    let usage = || {
        Failure::new(format!(
            "say which example: npm run example -- {} [--server rust|js] [--port N]",
            NAMES.join("|")
        ))
    };
    let (mut name, mut server, mut port) = (None, Server::Rust, "0".to_owned());
    // What npm takes away before a script's arguments and `cargo xtask` passes on.
    let mut rest = args.iter().map(String::as_str).filter(|&arg| arg != "--");
    while let Some(arg) = rest.next() {
        match arg {
            "--server" => {
                server = match rest.next() {
                    Some("rust") => Server::Rust,
                    Some("js") => Server::Js,
                    other => {
                        return Err(Failure::new(format!(
                            "--server is rust or js, not {:?}",
                            other.unwrap_or("nothing")
                        )));
                    }
                };
            }
            "--port" => port = rest.next().ok_or_else(usage)?.to_owned(),
            example if name.is_none() && NAMES.contains(&example) => name = Some(example),
            other => {
                return Err(Failure::new(format!(
                    "there is no example or option {other:?}; {}",
                    usage()
                )));
            }
        }
    }
    Ok(Options {
        name: name.ok_or_else(usage)?.to_owned(),
        server,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Options, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        parse(&args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_example_has_a_server_of_either_kind() {
        let options = |server, port: &str| Options {
            name: "chat".to_owned(),
            server,
            port: port.to_owned(),
        };
        assert_eq!(parsed(&["chat"]), Ok(options(Server::Rust, "0")));
        assert_eq!(
            parsed(&["--", "--server", "js", "chat", "--port", "8080"]),
            Ok(options(Server::Js, "8080"))
        );
    }

    #[test]
    fn wrong_arguments_are_named() {
        assert!(parsed(&[]).is_err_and(|message| message.contains("log-viewer")));
        assert!(parsed(&["chess"]).is_err_and(|message| message.contains("chess")));
        assert!(
            parsed(&["chat", "--server", "cobol"]).is_err_and(|message| message.contains("cobol"))
        );
    }
}
