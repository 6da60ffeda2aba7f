//! The tools we use and where they are. Pinned ones come before anything the machine happens to have.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Failure;
use crate::steps;
use crate::workspace;

/// Links named after the wasm tools, all to pinned ones. First on `PATH` for every program we start.
pub(crate) fn bin_dir() -> PathBuf {
    workspace::generated("tools").join("bin")
}

/// A command that sees the pinned tools first.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(workspace::root())
        .env("PATH", path_with_pinned_tools())
        // Where wasm-pack would keep downloads if we let it make any.
        .env(
            "WASM_PACK_CACHE",
            workspace::generated("tools").join("cache"),
        );
    // Some programs see a pipe of ours where the person sees a terminal, and the other way round.
    if steps::is_terminal() {
        command
            .env("CARGO_TERM_COLOR", "always")
            .env("FORCE_COLOR", "1");
    } else {
        command.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    }
    // Cargo describes our own package in these; a Cargo or npm that we start must not take them for its own.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "CARGO_PKG_VERSION",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program that npm installed, by its file inside node_modules.
pub(crate) fn node_program(file: &str) -> Command {
    let mut node = command("node");
    node.arg(workspace::node_modules().join(file));
    node
}

fn path_with_pinned_tools() -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(bin_dir()).chain(std::env::split_paths(&rest));
    std::env::join_paths(dirs).unwrap_or(rest)
}

/// The first of `names` found on the machine's own `PATH`.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|candidate| candidate.is_file())
    })
}

/// The browser to drive: `CHROME_PATH` if it is set, else what is installed.
pub(crate) fn chromium() -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = std::env::var_os("CHROME_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(Some(path))
        } else {
            Err(Failure::new(format!(
                "CHROME_PATH is {}, which is not a file; set it to the browser's program or unset it",
                path.display()
            )))
        };
    }
    Ok(installed_chromium())
}

fn installed_chromium() -> Option<PathBuf> {
    let on_path = find(&[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ]);
    let on_mac = Path::new("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    on_path.or_else(|| on_mac.is_file().then(|| on_mac.to_path_buf()))
}

/// Firefox: `FIREFOX_PATH` if it is set, else what is installed.
pub(crate) fn firefox() -> Option<PathBuf> {
    named("FIREFOX_PATH").or_else(|| find(&["firefox-esr", "firefox"]))
}

/// WebKit's own browser for tests: `WEBKIT_PATH` if it is set, else Debian's, which has its architecture in its path.
pub(crate) fn webkit() -> Option<PathBuf> {
    let installed = || {
        let libraries = std::fs::read_dir("/usr/lib").ok()?;
        libraries
            .flatten()
            .map(|entry| entry.path().join("webkit2gtk-4.1/MiniBrowser"))
            .find(|program| program.is_file())
    };
    named("WEBKIT_PATH").or_else(installed)
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// The WebDriver server for Chromium: `CHROMEDRIVER`, beside the browser, or what is installed.
pub(crate) fn chromedriver() -> Result<Option<PathBuf>, Failure> {
    if let Some(path) = std::env::var_os("CHROMEDRIVER").filter(|path| !path.is_empty()) {
        return Ok(Some(PathBuf::from(path)));
    }
    let beside = chromium()?
        .and_then(|browser| std::fs::canonicalize(browser).ok())
        .and_then(|browser| Some(browser.parent()?.join("chromedriver")))
        .filter(|driver| driver.is_file());
    Ok(beside.or_else(|| find(&["chromedriver"])))
}

/// A browser that `driver` can drive: ours, or else an installed one of the driver's version, since a driver takes no other.
pub(crate) fn browser_for(driver: &Path) -> Result<PathBuf, Failure> {
    let wanted = major_version(&version_of(driver));
    let ours = chromium()?;
    let candidates = ours.clone().into_iter().chain(installed_chromium());
    candidates
        .into_iter()
        .find(|browser| major_version(&version_of(browser)) == wanted)
        .ok_or_else(|| {
            let found = ours.map_or_else(
                || "no browser".to_owned(),
                |browser| format!("{} ({})", browser.display(), version_of(&browser)),
            );
            Failure::new(format!(
                "{} is {}, which does not fit {found}; set CHROMEDRIVER to the one that belongs to the browser",
                driver.display(),
                version_of(driver)
            ))
        })
}

/// The first number of a version with dots, wherever it stands in the text.
fn major_version(text: &str) -> Option<u32> {
    text.split_whitespace()
        .find_map(|word| word.split_once('.')?.0.parse().ok())
}

/// What `program --version` says, on one line.
pub(crate) fn version_of(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .unwrap_or_else(|| "version unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let chromium = "Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)";
        let driver = "ChromeDriver 156.0.8078.79 (3d0f7c1a-refs/branch-heads/8078@{#1})";
        assert_eq!(major_version(chromium), Some(156));
        assert_eq!(major_version(driver), Some(156));
        assert_eq!(major_version("version unknown"), None);
    }
}
