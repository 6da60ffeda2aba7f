//! What `npm test` consists of.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Step;
use super::report::Counts;
use crate::demo;
use crate::docs;
use crate::examples;
use crate::package;
use crate::process::{self, Failure, Running};
use crate::release;
use crate::tools;
use crate::wasm;
use crate::workspace;

pub(super) const ALL: &[Step] = &[
    Step {
        name: "fmt",
        about: "rustfmt",
        run: || check("rustfmt", tools::cargo().args(["fmt", "--all", "--check"])),
    },
    Step {
        name: "clippy",
        about: "clippy, natively and for wasm",
        run: clippy,
    },
    Step {
        name: "rust",
        about: "Rust tests and interoperability with the C++ and Rust implementations",
        run: rust,
    },
    Step {
        name: "build",
        about: "wasm-pack build, the npm package, the examples' pages and servers",
        run: build,
    },
    Step {
        name: "types",
        about: "TypeScript type check",
        run: types,
    },
    Step {
        name: "js",
        about: "JavaScript tests in Node",
        run: || vitest("js", "js/vitest.config.ts"),
    },
    Step {
        name: "wasm",
        about: "wasm-pack test --headless --chrome",
        run: wasm_pack_test,
    },
    Step {
        name: "package",
        about: "the packed tarball in browsers, bundlers, Node, Deno, Bun and workerd",
        run: || vitest("package", "js/test-package/vitest.config.ts"),
    },
    Step {
        name: "demo",
        about: "the demo, with Chromium and with Node",
        run: rehearse_demo,
    },
    Step {
        name: "readme",
        about: "README.md followed word by word, and every program of the guide",
        run: || vitest("readme", "js/test-readme/vitest.config.ts"),
    },
    Step {
        name: "docs",
        about: "the site of guide and reference, with nothing undocumented and no dead link",
        run: || docs::build().map(|()| Counts::success()),
    },
    Step {
        name: "release",
        about: "npm publish and cargo publish, rehearsed",
        run: || release::check(&["--no-verify"]).map(|()| Counts::success()),
    },
];

/// A command that is one test in itself.
fn check(what: &str, command: &mut Command) -> Result<Counts, Failure> {
    process::run(what, command).map(|()| Counts::success())
}

fn clippy() -> Result<Counts, Failure> {
    let deny = ["--", "--deny", "warnings"];
    let mut counts = check(
        "clippy",
        tools::cargo()
            .args(["clippy", "--quiet", "--workspace", "--all-targets"])
            .args(deny),
    )?;
    counts.add(check(
        "clippy for wasm",
        tools::cargo()
            .args([
                "clippy",
                "--quiet",
                "--package",
                "capstan-web",
                "--package",
                "capstan-compiler",
                "--package",
                "tests-wasm",
            ])
            .args(["--all-targets", "--target", "wasm32-unknown-unknown"])
            .args(deny),
    )?);
    Ok(counts)
}

fn rust() -> Result<Counts, Failure> {
    count_results(
        "cargo test",
        tools::cargo().args([
            "test",
            "--workspace",
            "--exclude",
            "tests-wasm",
            "--no-fail-fast",
        ]),
    )
}

fn build() -> Result<Counts, Failure> {
    wasm::build_package()?;
    demo::build_page()?;
    examples::build_pages()?;
    // The tests' server is the debug one: it is compiled already, and nothing here measures speed.
    check(
        "building the examples' servers and the native command",
        tools::cargo().args(["build", "--quiet"]).args([
            "--package",
            "upload-server",
            "--package",
            "examples-server",
            "--package",
            "capstan-cli",
        ]),
    )?;
    check(
        "building the servers that tests in JavaScript talk to",
        tools::cargo()
            .args(["build", "--quiet", "--package", "capstan-net"])
            .args(["--example", "server", "--example", "depot"])
            .args(["--features", "axum,metrics,tls"]),
    )
}

fn types() -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for project in [
        "js/tsconfig.json",
        "js/test-package/tsconfig.json",
        "js/test-readme/tsconfig.json",
        "examples-web/tsconfig.json",
        "examples-web/upload/tsconfig.json",
    ] {
        if workspace::root().join(project).is_file() {
            counts.add(check(
                project,
                tools::node_program("typescript/bin/tsc").args(["--noEmit", "-p", project]),
            )?);
        }
    }
    Ok(counts)
}

fn vitest(name: &str, config: &str) -> Result<Counts, Failure> {
    let results = workspace::generated("tests").join(format!("{name}.json"));
    let _ = std::fs::remove_file(&results);
    let mut vitest = tools::node_program("vitest/vitest.mjs");
    vitest
        .args([
            "run",
            "--config",
            config,
            "--reporter=default",
            "--reporter=json",
        ])
        .arg(format!("--outputFile.json={}", results.display()))
        .env("CAPSTAN_PACKAGE", package::dir())
        .env("CAPSTAN_TARBALL", package::tarball())
        .env("CAPSTAN_PAGE", demo::page_dir())
        .env("CAPSTAN_EXAMPLES", examples::pages_dir())
        .env(
            "CAPSTAN_EXAMPLES_SERVER",
            workspace::cargo_output("debug").join("examples-server"),
        )
        .env(
            "CAPSTAN_CLI",
            workspace::cargo_output("debug").join("capstan"),
        )
        .env(
            "CAPSTAN_UPLOAD_SERVER",
            workspace::cargo_output("debug").join("upload-server"),
        )
        .env(
            "CAPSTAN_DEPLOYED_SERVER",
            workspace::cargo_output("debug").join("examples/server"),
        );
    if let Some(browser) = tools::chromium()? {
        vitest.env("CAPSTAN_CHROMIUM", browser);
    }
    if let Some(browser) = tools::firefox() {
        vitest.env("CAPSTAN_FIREFOX", browser);
    }
    if let Some(browser) = tools::webkit() {
        vitest.env("CAPSTAN_WEBKIT", browser);
    }
    // A build that swaps the module under a running test fails it in puzzling ways.
    let lock = workspace::lock()?;
    let status = process::each_line(name, &mut vitest, |line| println!("{line}"))?;
    drop(lock);
    let report = workspace::read_json(&results)?;
    let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or(0);
    let counts = Counts {
        passed: number("numPassedTests"),
        failed: number("numFailedTests"),
    };
    Ok(counts.with_status(status.success()))
}

fn rehearse_demo() -> Result<Counts, Failure> {
    let server = workspace::cargo_output("debug").join("upload-server");
    let mut counts = Counts::default();
    for result in demo::rehearse(&server) {
        counts.add(match result {
            Ok(()) => Counts::success(),
            Err(failure) => {
                eprintln!("demo: {failure}");
                Counts::failure()
            }
        });
    }
    Ok(counts)
}

fn wasm_pack_test() -> Result<Counts, Failure> {
    let driver = tools::chromedriver()?
        .ok_or_else(|| Failure::new("no chromedriver found; run `cargo xtask setup`"))?;
    let browser = tools::browser_for(&driver)?;
    let capabilities = workspace::generated("tests").join("webdriver.json");
    workspace::write(
        &capabilities,
        &serde_json::json!({"goog:chromeOptions": {"binary": browser, "args": []}}).to_string(),
    )?;
    let server = TestServer::start()?;
    count_results(
        "wasm-pack test",
        tools::command(tools::bin_dir().join("wasm-pack"))
            .args(["--log-level", "warn", "test", "--mode", "no-install"])
            .args(["--headless", "--chrome", "--chromedriver"])
            .arg(driver)
            .arg("tests-wasm")
            // Compiled into the tests: a page cannot be told anything at run time.
            .env("CAPSTAN_TEST_SERVER", &server.url)
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities)
            .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30"),
    )
}

/// What programs in Rust that run in the browser talk to. Ends when dropped.
struct TestServer {
    url: String,
    _running: Running,
}

impl TestServer {
    fn start() -> Result<Self, Failure> {
        let package = "tests-wasm-server";
        process::run(
            "building the server of the tests in the browser",
            tools::cargo().args(["build", "--quiet", "--package", package]),
        )?;
        let mut command = Command::new(workspace::cargo_output("debug").join(package));
        let mut running = process::start(package, command.stdout(Stdio::piped()))?;
        // It says one thing, as soon as it listens; if it ends instead, there is nothing to read.
        let mut line = String::new();
        if let Some(stdout) = running.child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        match line.strip_prefix("listening ") {
            Some(url) => Ok(Self {
                url: url.trim().to_owned(),
                _running: running,
            }),
            None => Err(Failure::new(format!(
                "{package} does not say where it listens: {line:?}"
            ))),
        }
    }
}

/// Runs test binaries whose output stays visible while it is being counted.
fn count_results(what: &str, command: &mut Command) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let status = process::each_line(what, command, |line| {
        println!("{line}");
        if let Some(found) = Counts::in_line(line) {
            counts.add(found);
        }
    })?;
    Ok(counts.with_status(status.success()))
}
