//! The pages of examples-web as Vite bundles them.

use std::path::PathBuf;

use crate::package;
use crate::process::{self, Failure};
use crate::stamp::Stamp;
use crate::steps::{say, timed};
use crate::tools;
use crate::workspace;

/// What Vite makes of `directory`, which consists of `parts`, against the built package; one of the things it makes is `page`.
pub(crate) fn bundle(
    what: &str,
    directory: &str,
    parts: &[&str],
    out_dir: PathBuf,
    page: &str,
) -> Result<PathBuf, Failure> {
    let root = workspace::root();
    let from = root.join(directory);
    let _lock = workspace::lock()?;
    let mut stamp = Stamp::new(&what.replace(' ', "-"))
        .files(&package::dir().join("dist"))?
        .files(&package::dir().join("wasm"))?
        .files(&package::dir().join("wasm-messages"))?
        .files(&root.join("package-lock.json"))?;
    for part in parts {
        stamp = stamp.files(&from.join(part))?;
    }
    if stamp.is_current() && out_dir.join(page).is_file() {
        say(&format!("{what}: unchanged"));
        return Ok(out_dir);
    }
    timed(&format!("{what}: vite build {directory}"), || {
        process::run(
            "vite build",
            tools::node_program("vite/bin/vite.js")
                .args(["build", "--logLevel", "warn", "--emptyOutDir", "--outDir"])
                .arg(&out_dir)
                .arg(&from),
        )
    })?;
    stamp.keep()?;
    Ok(out_dir)
}
