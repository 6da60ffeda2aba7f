//! The npm package: pkg-template, compiled TypeScript and wasm in one directory, and the tarball of it.

use std::path::{Path, PathBuf};

use crate::process::{self, Failure};
use crate::setup;
use crate::stamp::Stamp;
use crate::steps::{bytes, say, timed};
use crate::tools;
use crate::wasm;
use crate::workspace;

/// The directory that `npm publish` would take.
pub(crate) fn dir() -> PathBuf {
    workspace::generated("npm").join(NAME)
}

pub(crate) fn tarball() -> PathBuf {
    workspace::generated("npm").join("capstan.tgz")
}

/// Puts the package together from what js/wasm, js/src and pkg-template hold, and packs it.
pub(crate) fn assemble() -> Result<(), Failure> {
    let root = workspace::root();
    let mut stamp = Stamp::new("package");
    for module in wasm::MODULES {
        stamp = stamp.files(&module.glue_dir())?;
    }
    let stamp = stamp
        .files(&root.join("js/src"))?
        .files(&root.join("js/tsconfig.json"))?
        .files(&root.join("js/tsconfig.build.json"))?
        .files(&root.join("pkg-template"))?
        .files(&root.join("package-lock.json"))?;
    let stamp = FROM_ROOT
        .iter()
        .try_fold(stamp, |stamp, name| stamp.files(&root.join(name)))?;
    if stamp.is_current() && tarball().is_file() && dir().join("package.json").is_file() {
        say("npm package: unchanged");
    } else {
        timed("npm package", || {
            fill()?;
            pack()
        })?;
        stamp.keep()?;
    }
    // `import "capstan"` in examples and their servers means this build.
    setup::link(&dir(), &workspace::node_modules().join(NAME))?;
    report_size()
}

fn fill() -> Result<(), Failure> {
    let root = workspace::root();
    let package = dir();
    workspace::remove_dir(&package)?;
    workspace::copy(&root.join("pkg-template"), &package)?;
    process::run(
        "compiling js/src",
        tools::node_program("typescript/bin/tsc").args(["-p", "js/tsconfig.build.json"]),
    )?;
    for module in wasm::MODULES {
        workspace::copy(&module.glue_dir(), &package.join(module.dir))?;
    }
    carry_wasm(&package)?;
    FROM_ROOT
        .iter()
        .try_for_each(|name| workspace::copy(&root.join(name), &package.join(name)))
}

/// The scripts that `capstan/inline` finds its WebAssembly in. Deflated before base64, which hides from a server's
/// compression what repeats.
fn carry_wasm(package: &Path) -> Result<(), Failure> {
    let script = "const fs = require('fs'); const [from, to] = process.argv.slice(1); \
        const deflated = require('zlib').deflateRawSync(fs.readFileSync(from), { level: 9 }); \
        fs.writeFileSync(to, `export default \"${deflated.toString('base64')}\";\\n`)";
    INLINE.iter().try_for_each(|(module, name)| {
        process::run(
            "writing the WebAssembly as a script",
            tools::command("node")
                .args(["-e", script, "--"])
                .arg(package.join(module.dir).join(module.wasm_file()))
                .arg(package.join("dist").join(name)),
        )
    })
}

fn pack() -> Result<(), Failure> {
    let destination = workspace::generated("npm");
    let printed = process::output(
        "npm pack",
        tools::command("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&destination)
            .current_dir(dir()),
    )?;
    let name = printed.lines().last().unwrap_or_default().trim();
    // A fixed name next to the versioned one, so that nobody has to know the version to install it.
    workspace::copy(&destination.join(name), &tarball())
}

/// What a browser has to load, and what `npx capstan` does: as it is, and compressed the way servers send it.
fn report_size() -> Result<(), Failure> {
    let mut parts = Vec::new();
    for (what, module) in [
        ("wasm", &wasm::RUNTIME),
        ("messages wasm", &wasm::MESSAGES),
        ("compiler wasm", &wasm::COMPILER),
    ] {
        let file = dir().join(module.dir).join(module.wasm_file());
        let raw = std::fs::metadata(&file)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?
            .len();
        parts.push(format!(
            "{what} {} ({} brotli)",
            bytes(raw),
            bytes(brotli(&[file])?)
        ));
    }
    say(&format!(
        "size: {}, JavaScript {} brotli, tarball {}",
        parts.join(", "),
        bytes(brotli(&javascript(&dir())?)?),
        bytes(std::fs::metadata(tarball()).map_or(0, |meta| meta.len())),
    ));
    Ok(())
}

fn javascript(package: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = vec![package.join("wasm/capstan_web.js")];
    let dist = package.join("dist");
    let entries = std::fs::read_dir(&dist)
        .map_err(|error| Failure::new(format!("cannot list {}: {error}", dist.display())))?;
    files.extend(
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "js"))
            .filter(|path| !INLINE.iter().any(|(_, name)| path.ends_with(name))),
    );
    files.sort();
    Ok(files)
}

/// The brotli size of all files together. Node carries brotli; a Rust one would slow the front door down.
fn brotli(files: &[PathBuf]) -> Result<u64, Failure> {
    let script = "const fs = require('fs'); \
        const all = Buffer.concat(process.argv.slice(1).map((f) => fs.readFileSync(f))); \
        console.log(require('zlib').brotliCompressSync(all).length)";
    let printed = process::output(
        "measuring sizes",
        tools::command("node")
            .args(["-e", script, "--"])
            .args(files),
    )?;
    printed.trim().parse().map_err(|_| {
        Failure::new(format!(
            "measuring sizes: expected a number, got {printed:?}"
        ))
    })
}

/// Files that belong to the repository and to the package alike.
const FROM_ROOT: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

const NAME: &str = "capstan";

const INLINE: [(&wasm::Module, &str); 2] = [
    (&wasm::RUNTIME, "inline-wasm.js"),
    (&wasm::MESSAGES, "inline-messages.js"),
];
