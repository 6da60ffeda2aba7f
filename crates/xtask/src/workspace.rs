//! Where things are in the repository, and which versions its lock files pin.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Failure;

pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs us; the compiled-in path serves a binary started by hand.
    let manifest_dir = std::env::var("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let manifest_dir = PathBuf::from(manifest_dir);
    manifest_dir
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .unwrap_or(manifest_dir)
}

/// Where Cargo puts binaries of `profile` (`debug`, `release`, …).
pub(crate) fn cargo_output(profile: &str) -> PathBuf {
    let target_dir = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.ancestors().nth(2).map(Path::to_path_buf));
    target_dir
        .unwrap_or_else(|| root().join("target"))
        .join(profile)
}

/// The crates that are published, by their names, in the order of the alphabet.
pub(crate) fn public_crates() -> Result<Vec<String>, Failure> {
    let crates = root().join("crates");
    let entries = std::fs::read_dir(&crates)
        .map_err(|error| Failure::new(format!("cannot list {}: {error}", crates.display())))?;
    let mut names = Vec::new();
    for manifest in entries
        .flatten()
        .map(|entry| entry.path().join("Cargo.toml"))
    {
        if manifest.is_file() {
            names.extend(published_name(&read(&manifest)?));
        }
    }
    names.sort();
    Ok(names)
}

fn published_name(manifest: &str) -> Option<String> {
    if manifest.lines().any(|line| line == "publish = false") {
        return None;
    }
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "))?;
    Some(line.trim_matches('"').to_owned())
}

/// Everything the build makes that is not Cargo's.
pub(crate) fn generated(name: &str) -> PathBuf {
    root().join("target").join(name)
}

pub(crate) fn node_modules() -> PathBuf {
    root().join("node_modules")
}

pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

pub(crate) fn read_json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&read(path)?)
        .map_err(|error| Failure::new(format!("{} is not JSON: {error}", path.display())))
}

pub(crate) fn write(path: &Path, contents: &str) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    std::fs::write(path, contents)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

pub(crate) fn create_dir(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))
}

pub(crate) fn remove_dir(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "cannot remove {}: {error}",
            path.display()
        ))),
    }
}

/// Copies a directory tree, or one file.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(format!("cannot copy {}: {error}", from.display()));
    if from.is_dir() {
        create_dir(to)?;
        for entry in std::fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    std::fs::copy(from, to).map(|_| ()).map_err(failed)
}

/// Held while things below `target` and `js/wasm` are being made, so that two runs do not mix their halves.
pub(crate) fn lock() -> Result<File, Failure> {
    let path = generated("capstan.lock");
    let failed =
        |error: std::io::Error| Failure::new(format!("cannot lock {}: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        crate::steps::say("waiting for another build in this checkout");
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// The version and checksum lines of a crate in Cargo.lock: changes exactly when the pinned crate does.
pub(crate) fn locked_crate(name: &str) -> Result<String, Failure> {
    let lock = read(&root().join("Cargo.lock"))?;
    let header = format!("name = \"{name}\"");
    lock.split("[[package]]")
        .find(|entry| entry.lines().any(|line| line == header))
        .map(|entry| {
            entry
                .lines()
                .filter(|line| line.starts_with("version") || line.starts_with("checksum"))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .ok_or_else(|| Failure::new(format!("Cargo.lock does not name the crate {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_published_unless_it_says_otherwise() {
        let public = "[package]\nname = \"capstan-rpc\"\n\n[[bin]]\nname = \"other\"\n";
        assert_eq!(published_name(public).as_deref(), Some("capstan-rpc"));
        let private = public.replace("[[bin]]", "publish = false\n\n[[bin]]");
        assert_eq!(published_name(&private), None);
    }
}
