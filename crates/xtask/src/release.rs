//! Publishing: one version for the npm package and the crates, one changelog, and a rehearsal of both registries.

use std::path::{Path, PathBuf};

use crate::package;
use crate::process::{self, Failure};
use crate::steps::{say, timed};
use crate::tools;
use crate::workspace;

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["check"] => check(&["--no-verify"]),
        // Also compiles each crate from what its package holds.
        ["check", "--build"] => check(&[]),
        ["version", version] => set_version(version),
        ["repository", url] => set_repository(url),
        ["publish"] => publish(),
        _ => Err(Failure::new(
            "release takes `check [--build]`, `version X.Y.Z`, `repository URL` or `publish`",
        )),
    }
}

/// What both registries would say, without telling them anything. Needs the package to be built.
pub(crate) fn check(options: &[&str]) -> Result<(), Failure> {
    versions_agree()?;
    timed("release: npm publish --dry-run", || {
        process::output(
            "npm publish --dry-run",
            tools::command("npm")
                .args(["publish", "--dry-run", "--silent"])
                .arg(package::tarball()),
        )
        .map(|_| ())
    })?;
    timed("release: cargo publish --workspace --dry-run", || {
        process::run(
            "cargo publish --dry-run",
            tools::cargo()
                .args(["publish", "--workspace", "--dry-run", "--quiet"])
                .arg("--allow-dirty")
                .args(options),
        )
    })?;
    if repository()?.is_none() {
        say("release: no repository is set, so `release publish` will refuse");
    }
    Ok(())
}

/// Publishes what is committed. Registries take nothing back, so everything is looked at before.
fn publish() -> Result<(), Failure> {
    let Some(url) = repository()? else {
        return Err(Failure::new(
            "npm's provenance names the repository that a package was made from, and Cargo.toml names none; \
             say where it is, and commit that: cargo xtask release repository https://…",
        ));
    };
    let changed = process::output(
        "git status",
        tools::command("git").args(["status", "--porcelain"]),
    )?;
    if !changed.is_empty() {
        return Err(Failure::new(format!(
            "these changes are not committed, so nobody could make the same package again:\n{changed}"
        )));
    }
    if !pending_changes()?.is_empty() {
        return Err(Failure::new(
            "changes/ holds news of an unreleased version; run `cargo xtask release version X.Y.Z` first",
        ));
    }
    package::assemble()?;
    check(&[])?;
    process::run(
        "cargo publish",
        tools::cargo().args(["publish", "--workspace"]),
    )?;
    // From the directory: the tarball was packed before the repository was known to it.
    process::run(
        "npm pkg set",
        tools::command("npm")
            .args([
                "pkg",
                "set",
                "repository.type=git",
                &format!("repository.url={url}"),
            ])
            .current_dir(package::dir()),
    )?;
    process::run(
        "npm publish",
        tools::command("npm")
            .arg("publish")
            .current_dir(package::dir()),
    )
}

/// Writes the version wherever it stands, and the changelog from what is in changes/.
fn set_version(version: &str) -> Result<(), Failure> {
    if !is_version(version) {
        return Err(Failure::new(format!(
            "{version:?} is no version; give three numbers, such as 0.2.0"
        )));
    }
    let before = workspace_version()?;
    for (file, places) in VERSIONED {
        let path = workspace::root().join(file);
        let text = workspace::read(&path)?;
        let mut changed = text.clone();
        for place in *places {
            changed = changed.replace(
                &place.replace("VERSION", &before),
                &place.replace("VERSION", version),
            );
        }
        workspace::write(&path, &changed)?;
    }
    let changes = pending_changes()?;
    let news = changes
        .iter()
        .map(|path| workspace::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let path = workspace::root().join(CHANGELOG);
    let date = process::output("date", tools::command("date").args(["-u", "+%F"]))?;
    let log = with_section(&workspace::read(&path)?, version, date.trim(), &news);
    workspace::write(&path, &log)?;
    for path in changes {
        std::fs::remove_file(&path)
            .map_err(|error| Failure::new(format!("cannot remove {}: {error}", path.display())))?;
    }
    process::run(
        "cargo update",
        tools::cargo().args(["update", "--quiet", "--workspace", "--offline"]),
    )?;
    say(&format!(
        "release: {before} is {version} now; look at {CHANGELOG}, and commit"
    ));
    Ok(())
}

fn set_repository(url: &str) -> Result<(), Failure> {
    if !url.starts_with("https://") {
        return Err(Failure::new(format!(
            "{url:?} should begin with https://, for everybody to see"
        )));
    }
    let edit = |path: &Path, line: &str| -> Result<(), Failure> {
        let kept: String = workspace::read(path)?
            .lines()
            .filter(|each| !each.starts_with("repository"))
            .flat_map(|each| [each, "\n"])
            .collect();
        let licence = kept
            .lines()
            .find(|each| each.starts_with("license"))
            .unwrap_or_default();
        workspace::write(
            path,
            &kept.replacen(licence, &format!("{licence}\n{line}"), 1),
        )
    };
    edit(
        &workspace::root().join("Cargo.toml"),
        &format!("repository = \"{url}\""),
    )?;
    for name in workspace::public_crates()? {
        let directory = name.trim_start_matches("capstan-");
        edit(
            &workspace::root()
                .join("crates")
                .join(directory)
                .join("Cargo.toml"),
            "repository.workspace = true",
        )?;
    }
    Ok(())
}

fn versions_agree() -> Result<(), Failure> {
    let version = workspace_version()?;
    for (file, places) in VERSIONED {
        let text = workspace::read(&workspace::root().join(file))?;
        for place in *places {
            let wanted = place.replace("VERSION", &version);
            if !text.contains(&wanted) {
                return Err(Failure::new(format!(
                    "{file} should say {wanted}; `cargo xtask release version` sets all versions"
                )));
            }
        }
    }
    for line in workspace::read(&workspace::root().join("Cargo.toml"))?.lines() {
        if line.starts_with("capstan-") && !line.contains(&format!("version = \"{version}\"")) {
            return Err(Failure::new(format!(
                "Cargo.toml should depend on version {version} here: {line}"
            )));
        }
    }
    Ok(())
}

fn workspace_version() -> Result<String, Failure> {
    value_of("version")?
        .ok_or_else(|| Failure::new("Cargo.toml has no version in [workspace.package]"))
}

fn repository() -> Result<Option<String>, Failure> {
    value_of("repository")
}

/// A text of `[workspace.package]`.
fn value_of(key: &str) -> Result<Option<String>, Failure> {
    let manifest = workspace::read(&workspace::root().join("Cargo.toml"))?;
    Ok(manifest
        .lines()
        .find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned()))
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

/// The files in changes/, in the order of their names; its own README.md is none of them.
fn pending_changes() -> Result<Vec<PathBuf>, Failure> {
    let directory = workspace::root().join("changes");
    let entries = std::fs::read_dir(&directory)
        .map_err(|error| Failure::new(format!("cannot list {}: {error}", directory.display())))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .filter(|path| !path.ends_with("README.md"))
        .collect();
    files.sort();
    Ok(files)
}

/// The changelog with a section of what is new on top. One that says "not yet published" is that of the version.
fn with_section(log: &str, version: &str, date: &str, news: &[String]) -> String {
    let heading = format!("## {version}, {date}");
    let unpublished = format!("## {version}, not yet published");
    let items: String = news
        .iter()
        .map(|each| format!("{}\n", each.trim()))
        .collect();
    if log.contains(&unpublished) {
        let dated = log.replacen(&unpublished, &heading, 1);
        return format!("{}\n{items}", dated.trim_end());
    }
    let section = format!("{heading}\n\n{items}");
    match log.find("\n## ") {
        Some(at) => {
            let (before, after) = log.split_at(at + 1);
            format!("{before}{section}\n{after}")
        }
        None => format!("{}\n\n{section}", log.trim_end()),
    }
}

const CHANGELOG: &str = "pkg-template/CHANGELOG.md";

/// Where the version stands, besides Cargo.lock.
const VERSIONED: &[(&str, &[&str])] = &[
    ("Cargo.toml", &["version = \"VERSION\""]),
    ("pkg-template/package.json", &["\"version\": \"VERSION\""]),
    ("README.md", &["capstan-VERSION.tgz"]),
    ("js/test-readme/newcomer.ts", &["capstan-VERSION.tgz"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_in_the_repository_agree() {
        assert!(versions_agree().is_ok_and(|()| true));
    }

    #[test]
    fn news_go_on_top_of_the_changelog() {
        let log = "# Changelog\n\nIntroduction.\n\n## 0.1.0, 2026-01-01\n\n- First.\n";
        let news = ["- Second.\n".to_owned(), "- Third.".to_owned()];
        assert_eq!(
            with_section(log, "0.2.0", "2026-02-02", &news),
            "# Changelog\n\nIntroduction.\n\n## 0.2.0, 2026-02-02\n\n- Second.\n- Third.\n\n## 0.1.0, 2026-01-01\n\n- First.\n"
        );
    }

    #[test]
    fn the_first_version_gets_its_date() {
        let log = "# Changelog\n\n## 0.1.0, not yet published\n\n- First.\n";
        assert_eq!(
            with_section(log, "0.1.0", "2026-02-02", &["- More.".to_owned()]),
            "# Changelog\n\n## 0.1.0, 2026-02-02\n\n- First.\n- More.\n"
        );
    }

    #[test]
    fn versions_are_three_numbers() {
        assert!(is_version("0.2.0"));
        assert!(!is_version("0.2"));
        assert!(!is_version("0.2.x"));
    }

    #[test]
    fn without_a_repository_nothing_is_published() {
        // Once there is one, what refuses is what is not committed, and this test goes.
        assert!(repository().is_ok_and(|url| url.is_none()));
        assert!(publish().is_err_and(|failure| failure.to_string().contains("release repository")));
    }
}
