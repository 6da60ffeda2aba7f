//! Installing what is missing: each step pinned, skipped when it is there, named as it happens.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure};
use crate::stamp::Stamp;
use crate::steps::{say, timed};
use crate::tools;
use crate::workspace;

/// All of it: what `npm test` needs.
pub(crate) fn everything() -> Result<(), Failure> {
    for_demo(true)?;
    chromedriver()?;
    other_browsers()?;
    reference_implementation()
}

/// What building the package and showing it in a browser need.
pub(crate) fn for_demo(with_browser: bool) -> Result<(), Failure> {
    node()?;
    if with_browser {
        browser()?;
    }
    for_wasm()
}

/// What building wasm and the npm package needs.
pub(crate) fn for_wasm() -> Result<(), Failure> {
    npm_packages()?;
    wasm_target()?;
    wasm_tools()
}

fn node() -> Result<(), Failure> {
    let Some(node) = tools::find(&["node"]) else {
        return Err(Failure::new(
            "there is no `node` on PATH; install Node.js 20.19 or newer",
        ));
    };
    let version = tools::version_of(&node);
    let mut parts = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < (20, 19) {
        return Err(Failure::new(format!(
            "{} is Node.js {version}; this needs 20.19 or newer",
            node.display()
        )));
    }
    Ok(())
}

fn wasm_target() -> Result<(), Failure> {
    let query = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(workspace::root())
        .output();
    let there = query.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if there {
        return Ok(());
    }
    if tools::find(&["rustup"]).is_none() {
        return Err(Failure::new(format!(
            "this Rust has no standard library for {WASM_TARGET} and there is no rustup to add it; install it with the package manager that Rust came from"
        )));
    }
    timed(&format!("set-up: Rust target {WASM_TARGET}"), || {
        process::run(
            "rustup",
            tools::command("rustup").args(["target", "add", WASM_TARGET]),
        )
    })
}

/// wasm-pack and wasm-bindgen as Cargo.lock pins them, linked into one binary and reached through links.
fn wasm_tools() -> Result<(), Failure> {
    let binary = workspace::cargo_output("wasm-tools").join("wasm-tools");
    let manifest_dir = workspace::root().join("crates/xtask");
    let stamp = Stamp::new("wasm-tools")
        .text(&workspace::locked_crate("wasm-bindgen-cli")?)
        .text(&workspace::locked_crate("wasm-bindgen-cli-support")?)
        .text(&workspace::locked_crate("wasm-pack")?)
        .files(&manifest_dir.join("src/wasm_tools.rs"))?
        .text(&binary.to_string_lossy());
    if !(stamp.is_current() && binary.is_file()) {
        timed(
            "set-up: wasm-pack and wasm-bindgen (built once, two to four minutes)",
            || {
                process::run(
                    "building wasm-pack and wasm-bindgen",
                    tools::cargo()
                        .args(["build", "--profile", "wasm-tools"])
                        .args(["--package", "xtask", "--features", "tools"])
                        .args(["--bin", "wasm-tools"]),
                )
            },
        )?;
        stamp.keep()?;
    }
    let wasm_opt = workspace::node_modules().join("binaryen/bin/wasm-opt");
    for (name, target) in [
        ("wasm-pack", &binary),
        ("wasm-bindgen", &binary),
        ("wasm-bindgen-test-runner", &binary),
        ("wasm-opt", &wasm_opt),
    ] {
        link(target, &tools::bin_dir().join(name))?;
    }
    Ok(())
}

/// `npm ci`, unless node_modules already holds exactly what package-lock.json says.
pub(crate) fn npm_packages() -> Result<(), Failure> {
    let lock = workspace::read_json(&workspace::root().join("package-lock.json"))?;
    let installed = workspace::node_modules().join(".package-lock.json");
    if installed.is_file() && matches_lock(&lock, &workspace::read_json(&installed)?) {
        return Ok(());
    }
    timed("set-up: npm packages (wasm-opt among them)", || {
        process::run(
            "npm ci",
            tools::command("npm").args(["ci", "--prefer-offline", "--no-audit", "--no-fund"]),
        )
    })
}

/// Whether npm's record of what it installed agrees with the lock file. Packages for other platforms may be absent.
fn matches_lock(lock: &Value, installed: &Value) -> bool {
    let (Some(wanted), Some(found)) = (
        lock.get("packages").and_then(Value::as_object),
        installed.get("packages").and_then(Value::as_object),
    ) else {
        return false;
    };
    let wanted = wanted.iter().filter(|(path, _)| !path.is_empty());
    wanted
        .into_iter()
        .all(|(path, want)| match found.get(path) {
            Some(have) => have.get("version") == want.get("version"),
            None => want.get("optional") == Some(&Value::Bool(true)),
        })
}

fn browser() -> Result<(), Failure> {
    if tools::chromium()?.is_some() {
        return Ok(());
    }
    install_packages(
        "Chromium",
        &["chromium", "chromium-driver"],
        "or set CHROME_PATH to a Chromium or Chrome that is already there",
    )?;
    if tools::chromium()?.is_none() {
        return Err(Failure::new(
            "Chromium was installed but no `chromium` is on PATH; set CHROME_PATH to its program",
        ));
    }
    Ok(())
}

fn chromedriver() -> Result<(), Failure> {
    if tools::chromedriver()?.is_some() {
        return Ok(());
    }
    install_packages(
        "chromedriver",
        &["chromium-driver"],
        "or set CHROMEDRIVER to the chromedriver that belongs to the browser",
    )
}

/// Firefox, and WebKit with the display that it needs: the package is tested in them.
fn other_browsers() -> Result<(), Failure> {
    if tools::firefox().is_none() {
        install_packages(
            "Firefox",
            &["firefox-esr"],
            "or set FIREFOX_PATH to a Firefox that is already there",
        )?;
    }
    if tools::webkit().is_none() || tools::find(&["xvfb-run"]).is_none() {
        install_packages(
            "WebKit",
            &["webkit2gtk-driver", "xvfb", "xauth"],
            "or set WEBKIT_PATH to the MiniBrowser of WebKitGTK, and put `xvfb-run` on PATH",
        )?;
    }
    Ok(())
}

/// The C++ implementation and its compiler: peers in the interoperability tests, needed by nothing else.
fn reference_implementation() -> Result<(), Failure> {
    let there = tools::find(&["capnp"]).is_some()
        && tools::find(&["capnpc-c++"]).is_some()
        && tools::find(&["g++"]).is_some()
        && [
            "/usr/include",
            "/usr/local/include",
            "/opt/homebrew/include",
        ]
        .iter()
        .any(|dir| Path::new(dir).join("capnp/rpc-twoparty.h").is_file());
    if there {
        return Ok(());
    }
    install_packages(
        "the C++ implementation (for interoperability tests)",
        &["capnproto", "libcapnp-dev", "g++"],
        "or put `capnp`, its headers and `g++` in place by other means",
    )
}

/// Installs Debian packages, or says exactly what to do where that is not ours to do.
fn install_packages(what: &str, packages: &[&str], otherwise: &str) -> Result<(), Failure> {
    let by_hand = format!(
        "{what} is missing; install it with\n\n    sudo apt-get install {}\n\n{otherwise}",
        packages.join(" ")
    );
    if tools::find(&["apt-get"]).is_none() || !is_root() {
        return Err(Failure::new(by_hand));
    }
    timed(
        &format!("set-up: {what} (apt-get: {})", packages.join(" ")),
        || {
            let apt = || {
                let mut apt = tools::command("apt-get");
                apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
                apt
            };
            // Lists can be absent, or older than what the mirror still holds.
            process::run("apt-get update", apt().arg("update"))?;
            process::run(
                &by_hand,
                apt()
                    .args([
                        "install",
                        "--yes",
                        "--no-install-recommends",
                        "-o",
                        "Dpkg::Use-Pty=0",
                    ])
                    .args(packages),
            )
        },
    )
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A symbolic link at `at` to `target`, replacing what was there.
pub(crate) fn link(target: &Path, at: &Path) -> Result<(), Failure> {
    if std::fs::read_link(at).is_ok_and(|current| current == target) {
        return Ok(());
    }
    if let Some(parent) = at.parent() {
        workspace::create_dir(parent)?;
    }
    let aside: PathBuf = at.with_extension(format!("new-{}", std::process::id()));
    let _ = std::fs::remove_file(&aside);
    if at.is_dir() && !at.is_symlink() {
        workspace::remove_dir(at)?;
    }
    // Made aside and renamed: a build going on elsewhere never finds the name missing.
    std::os::unix::fs::symlink(target, &aside)
        .and_then(|()| std::fs::rename(&aside, at))
        .map_err(|error| {
            Failure::new(format!(
                "cannot link {} to {}: {error}",
                at.display(),
                target.display()
            ))
        })
}

/// What set-up found and where, for the heading of a test or demo run.
pub(crate) fn say_browser() -> Result<PathBuf, Failure> {
    let browser = tools::chromium()?.ok_or_else(|| {
        Failure::new("no Chromium found; run `cargo xtask setup`, or set CHROME_PATH")
    })?;
    say(&format!(
        "browser: {} ({})",
        browser.display(),
        tools::version_of(&browser)
    ));
    Ok(browser)
}

const WASM_TARGET: &str = "wasm32-unknown-unknown";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_install_matches_its_lock_file_only_version_by_version() {
        let lock = json!({"packages": {
            "": {"name": "root"},
            "node_modules/a": {"version": "1.0.0"},
            "node_modules/other-platform": {"version": "2.0.0", "optional": true},
        }});
        let same = json!({"packages": {"node_modules/a": {"version": "1.0.0"}}});
        let older = json!({"packages": {"node_modules/a": {"version": "0.9.0"}}});
        let partial = json!({"packages": {}});
        assert!(matches_lock(&lock, &same));
        assert!(!matches_lock(&lock, &older));
        assert!(!matches_lock(&lock, &partial));
    }
}
