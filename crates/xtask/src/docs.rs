//! `npm run docs`: the guide and the reference of the npm package by TypeDoc, the crates' by rustdoc, as one site in
//! target/docs whose links all lead somewhere.

use std::path::PathBuf;

use crate::process::{self, Failure};
use crate::stamp::Stamp;
use crate::steps::{say, timed};
use crate::tools;
use crate::wasm;
use crate::workspace;

/// Builds the site. Needs js/wasm, whose types are part of the package's.
pub(crate) fn build() -> Result<(), Failure> {
    typedoc()?;
    if wasm::MODULES
        .iter()
        .any(|module| !module.glue_dir().is_dir())
    {
        wasm::build_package()?;
    }
    let crates = workspace::public_crates()?;
    timed("docs: the crates (rustdoc)", || rustdoc(&crates))?;
    timed("docs: the guide and the npm package (TypeDoc)", || {
        process::run(
            "docs",
            tools::command("node")
                .arg("docs/site/build.mjs")
                .arg(rustdoc_dir())
                .args(crates.iter().map(|name| name.replace('-', "_"))),
        )
    })?;
    say(&format!(
        "docs: {}",
        workspace::generated("docs").join("index.html").display()
    ));
    Ok(())
}

fn rustdoc(crates: &[String]) -> Result<(), Failure> {
    process::run(
        "cargo doc",
        tools::cargo()
            .args(["doc", "--quiet", "--no-deps", "--lib"])
            .args(["--features", "capstan-rpc/schema,capstan-rpc/simulator"])
            .args(["--features", "capstan-net/axum,capstan-net/metrics"])
            .args(["--features", "capstan-net/tls,capstan-web/rust"])
            .args(crates.iter().flat_map(|name| ["--package", name.as_str()]))
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

fn rustdoc_dir() -> PathBuf {
    workspace::cargo_output("doc")
}

/// TypeDoc with a TypeScript of its own, which nothing but this needs.
fn typedoc() -> Result<(), Failure> {
    let site = workspace::root().join("docs/site");
    let stamp = Stamp::new("docs-tools").files(&site.join("package-lock.json"))?;
    if stamp.is_current() && site.join("node_modules/typedoc").is_dir() {
        return Ok(());
    }
    timed("set-up: TypeDoc", || {
        process::run(
            "npm ci",
            tools::command("npm")
                .args(["ci", "--prefer-offline", "--no-audit", "--no-fund"])
                .current_dir(&site),
        )
    })?;
    stamp.keep()
}
