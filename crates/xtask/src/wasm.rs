//! crates/web through wasm-pack into js/wasm, where the TypeScript sources import it from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::package;
use crate::process::{self, Failure};
use crate::setup;
use crate::stamp::Stamp;
use crate::steps::{say, timed};
use crate::tools;
use crate::workspace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Quick to build: no link-time optimization, no wasm-opt.
    Dev,
    /// What ships.
    Release,
}

/// The release build, the npm package around it, and the tarball.
pub(crate) fn build_package() -> Result<(), Failure> {
    setup::for_wasm()?;
    let _lock = workspace::lock()?;
    build(Mode::Release)?;
    package::assemble()
}

/// The development build: the module and its glue alone.
pub(crate) fn build_dev() -> Result<(), Failure> {
    setup::for_wasm()?;
    let _lock = workspace::lock()?;
    build(Mode::Dev)
}

/// The wasm module and its JavaScript glue, skipped when nothing it is made from has changed.
fn build(mode: Mode) -> Result<(), Failure> {
    let out_dir = glue_dir();
    let stamp = inputs(mode)?;
    if stamp.is_current() && out_dir.join(WASM_FILE).is_file() {
        say(&format!("wasm ({mode:?}): unchanged"));
        return Ok(());
    }
    // Into a directory aside: a failed or interrupted build leaves the last good one in place.
    let fresh = workspace::generated("wasm-pack");
    workspace::remove_dir(&fresh)?;
    timed(
        &format!("wasm ({mode:?}): wasm-pack build crates/web"),
        || {
            let mut wasm_pack = tools::command(tools::bin_dir().join("wasm-pack"));
            wasm_pack
                .args(["--log-level", "warn", "build", "crates/web"])
                .args([
                    "--mode",
                    "no-install",
                    "--target",
                    "web",
                    "--no-pack",
                    "--no-gitignore",
                ])
                .args(["--out-name", OUT_NAME, "--out-dir"])
                .arg(&fresh)
                .args(match mode {
                    Mode::Dev => ["--dev", "--no-opt"].as_slice(),
                    Mode::Release => ["--profile", "wasm-release"].as_slice(),
                });
            process::run("wasm-pack build", &mut wasm_pack)
        },
    )?;
    workspace::remove_dir(&out_dir)?;
    workspace::copy(&fresh, &out_dir)?;
    stamp.keep()
}

/// Where the glue lives while it is being worked on; the package gets a copy.
pub(crate) fn glue_dir() -> PathBuf {
    workspace::root().join("js/wasm")
}

fn inputs(mode: Mode) -> Result<Stamp, Failure> {
    let root = workspace::root();
    let mut stamp = Stamp::new("wasm")
        .text(&format!("{mode:?}"))
        .files(&root.join("Cargo.toml"))?
        .files(&root.join("Cargo.lock"))?
        .files(&root.join("package-lock.json"))?
        .files(&root.join("rust-toolchain.toml"))?;
    for name in with_dependencies("web")? {
        let dir = root.join("crates").join(name);
        stamp = stamp
            .files(&dir.join("Cargo.toml"))?
            .files(&dir.join("build.rs"))?
            .files(&dir.join("src"))?
            .files(&dir.join("capnp"))?;
    }
    Ok(stamp)
}

/// A crate of ours and all of ours it is built from, as directory names.
fn with_dependencies(name: &str) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let manifest = workspace::root()
            .join("crates")
            .join(&name)
            .join("Cargo.toml");
        if manifest.is_file() && found.insert(name) {
            waiting.extend(our_dependencies(&workspace::read(&manifest)?));
        }
    }
    Ok(found)
}

fn our_dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .filter_map(|line| line.strip_prefix("capstan-"))
        .filter_map(|rest| rest.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}

const OUT_NAME: &str = "capstan_web";
pub(crate) const WASM_FILE: &str = "capstan_web_bg.wasm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_crates_are_read_from_a_manifest() {
        let manifest = "[package]\nname = \"capstan-web\"\n\n[dependencies]\ncapstan-rpc.workspace = true\ncapstan-message = { workspace = true }\njs-sys.workspace = true\n";
        assert_eq!(our_dependencies(manifest), ["rpc", "message"]);
    }
}
