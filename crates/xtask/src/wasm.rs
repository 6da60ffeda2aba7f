//! crates/web, twice, and crates/compiler through wasm-pack into js/wasm, js/wasm-messages and js/wasm-compiler, where
//! the TypeScript sources import them from.

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

/// A crate of ours that becomes a WebAssembly module with JavaScript glue around it.
pub(crate) struct Module {
    /// Its directory in crates/.
    crate_name: &'static str,
    /// The crate's features in it, and no others; the default ones where there are none.
    features: Option<&'static str>,
    /// What the names of its files begin with.
    name: &'static str,
    /// The profile of its release build.
    profile: &'static str,
    /// What the compiler is told for that besides.
    rustflags: Option<&'static str>,
    /// The directory in the crate with glue to take in place of wasm-bindgen's.
    own_glue: Option<&'static str>,
    /// The directory its files have in the package, and below js/ while they are worked on.
    pub(crate) dir: &'static str,
}

/// RPC, and the messages that it needs.
pub(crate) const RUNTIME: Module = Module {
    crate_name: "web",
    features: Some("runtime"),
    name: "capstan_web",
    profile: "wasm-release",
    rustflags: None,
    own_glue: None,
    dir: "wasm",
};

/// Messages, without RPC.
pub(crate) const MESSAGES: Module = Module {
    crate_name: "web",
    features: Some("messages"),
    name: "capstan_messages",
    profile: "wasm-release",
    // Less after compression, a twenty-fifth each: what is inlined by itself is mostly on the ways of errors, and many
    // small functions are used in many places. The second costs up to 2 % where messages are read, 8 % where they are
    // built, and a third more time for the canonical form. The runtime, optimized for size already, only grows by the
    // first.
    rustflags: Some("-Cllvm-args=--inline-threshold=25 -Cllvm-args=--inlinehint-threshold=100"),
    own_glue: Some("glue"),
    dir: "wasm-messages",
};

/// `npx capstan`.
pub(crate) const COMPILER: Module = Module {
    crate_name: "compiler",
    features: None,
    name: "capstan_compiler",
    profile: "wasm-compiler",
    rustflags: None,
    own_glue: None,
    dir: "wasm-compiler",
};

pub(crate) const MODULES: [&Module; 3] = [&RUNTIME, &MESSAGES, &COMPILER];

/// The release build, the npm package around it, and the tarball.
pub(crate) fn build_package() -> Result<(), Failure> {
    setup::for_wasm()?;
    let _lock = workspace::lock()?;
    build(Mode::Release)?;
    package::assemble()
}

/// The development build: the modules and their glue alone.
pub(crate) fn build_dev() -> Result<(), Failure> {
    setup::for_wasm()?;
    let _lock = workspace::lock()?;
    build(Mode::Dev)
}

/// The wasm modules and their JavaScript glue, each skipped when nothing it is made from has changed.
fn build(mode: Mode) -> Result<(), Failure> {
    MODULES
        .into_iter()
        .try_for_each(|module| module.build(mode))
}

impl Module {
    /// Where the glue lives while it is being worked on; the package gets a copy.
    pub(crate) fn glue_dir(&self) -> PathBuf {
        workspace::root().join("js").join(self.dir)
    }

    pub(crate) fn wasm_file(&self) -> String {
        format!("{}_bg.wasm", self.name)
    }

    fn build(&self, mode: Mode) -> Result<(), Failure> {
        let out_dir = self.glue_dir();
        let stamp = self.inputs(mode)?;
        if stamp.is_current() && out_dir.join(self.wasm_file()).is_file() {
            say(&format!("{} ({mode:?}): unchanged", self.dir));
            return Ok(());
        }
        // Into a directory aside: a failed or interrupted build leaves the last good one in place.
        let fresh = workspace::generated("wasm-pack").join(self.dir);
        workspace::remove_dir(&fresh)?;
        let crate_dir = format!("crates/{}", self.crate_name);
        timed(
            &format!("{} ({mode:?}): wasm-pack build {crate_dir}", self.dir),
            || {
                let mut wasm_pack = tools::command(tools::bin_dir().join("wasm-pack"));
                wasm_pack
                    .args(["--log-level", "warn", "build", &crate_dir])
                    .args([
                        "--mode",
                        "no-install",
                        "--target",
                        "web",
                        "--no-pack",
                        "--no-gitignore",
                    ])
                    .args(["--out-name", self.name, "--out-dir"])
                    .arg(&fresh)
                    .args(match mode {
                        Mode::Dev => ["--dev", "--no-opt"],
                        Mode::Release => ["--profile", self.profile],
                    });
                if let Some(features) = self.features {
                    wasm_pack.args(["--", "--no-default-features", "--features", features]);
                }
                if let Some(flags) = self.rustflags.filter(|_| mode == Mode::Release) {
                    wasm_pack.env("RUSTFLAGS", flags);
                }
                process::run("wasm-pack build", &mut wasm_pack)
            },
        )?;
        if let Some(glue) = self.own_glue {
            workspace::copy(&workspace::root().join(&crate_dir).join(glue), &fresh)?;
        }
        workspace::remove_dir(&out_dir)?;
        workspace::copy(&fresh, &out_dir)?;
        stamp.keep()
    }

    fn inputs(&self, mode: Mode) -> Result<Stamp, Failure> {
        let root = workspace::root();
        let mut stamp = Stamp::new(self.dir)
            .text(&format!(
                "{mode:?} {:?} {:?}",
                self.features, self.rustflags
            ))
            .files(&root.join("Cargo.toml"))?
            .files(&root.join("Cargo.lock"))?
            .files(&root.join("package-lock.json"))?
            .files(&root.join("rust-toolchain.toml"))?;
        for name in with_dependencies(self.crate_name)? {
            let dir = root.join("crates").join(name);
            stamp = stamp
                .files(&dir.join("Cargo.toml"))?
                .files(&dir.join("build.rs"))?
                .files(&dir.join("src"))?
                .files(&dir.join("glue"))?
                .files(&dir.join("capnp"))?;
        }
        Ok(stamp)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_crates_are_read_from_a_manifest() {
        let manifest = "[package]\nname = \"capstan-web\"\n\n[dependencies]\ncapstan-rpc.workspace = true\ncapstan-message = { workspace = true }\njs-sys.workspace = true\n";
        assert_eq!(our_dependencies(manifest), ["rpc", "message"]);
    }
}
