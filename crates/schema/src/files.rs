//! Where schema text comes from. The compiler does no I/O: whoever calls it hands over the files
//! to compile and a [`Files`] to find what they import.

use std::collections::BTreeMap;

/// One schema file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// What makes two imports the same file, such as its full path.
    pub key: String,
    /// How the file is called in node names and error messages: its path as the user wrote it.
    pub display_name: String,
    /// What is in it.
    pub text: String,
}

impl SourceFile {
    /// A file whose path is also its display name.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let path = path.into();
        SourceFile {
            display_name: path.trim_start_matches('/').to_owned(),
            key: path,
            text: text.into(),
        }
    }
}

/// Finds imported files. Standard files (`/capnp/…`) that it does not find come from the crate.
pub trait Files {
    /// The file that `import "path"` means in the file with the key `importer`. A path that begins
    /// with `/` is looked for in the import directories, any other beside the importer.
    fn import(&self, importer: &str, path: &str) -> Option<SourceFile>;

    /// The content that `embed "path"` means.
    fn embed(&self, importer: &str, path: &str) -> Option<Vec<u8>> {
        let _ = (importer, path);
        None
    }

    /// The standard file at a path that begins with `/`, asked for when `import` found none.
    fn standard(&self, path: &str) -> Option<SourceFile> {
        standard_file(path)
    }
}

/// Files held in memory, by path. Absolute imports drop their leading `/`.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, String>,
}

impl MemoryFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces one.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.insert(path.into(), text.into());
    }

    /// The file at `path`, ready to be compiled.
    pub fn get(&self, path: &str) -> Option<SourceFile> {
        let text = self.files.get(path)?;
        Some(SourceFile::new(path, text.as_str()))
    }
}

impl Files for MemoryFiles {
    fn import(&self, importer: &str, path: &str) -> Option<SourceFile> {
        let path = resolve_path(importer, path);
        self.get(path.trim_start_matches('/'))
    }

    fn embed(&self, importer: &str, path: &str) -> Option<Vec<u8>> {
        let file = self.import(importer, path)?;
        Some(file.text.into_bytes())
    }
}

/// Knows only the standard files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn import(&self, _importer: &str, _path: &str) -> Option<SourceFile> {
        None
    }
}

/// `path` as written in the file `importer`, with `.` and `..` taken out.
pub fn resolve_path(importer: &str, path: &str) -> String {
    let directory = match importer.rsplit_once('/') {
        _ if path.starts_with('/') => "",
        Some((directory, _)) => directory,
        None => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let absolute = path.starts_with('/') || importer.starts_with('/');
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}

/// The files that come with the crate, by the path one imports them with.
pub const STANDARD_FILES: [(&str, &str); 10] = [
    ("/capnp/c++.capnp", include_str!("../capnp/c++.capnp")),
    (
        "/capnp/compat/byte-stream.capnp",
        include_str!("../capnp/compat/byte-stream.capnp"),
    ),
    (
        "/capnp/compat/http-over-capnp.capnp",
        include_str!("../capnp/compat/http-over-capnp.capnp"),
    ),
    (
        "/capnp/compat/json.capnp",
        include_str!("../capnp/compat/json.capnp"),
    ),
    (
        "/capnp/persistent.capnp",
        include_str!("../capnp/persistent.capnp"),
    ),
    (
        "/capnp/rpc-twoparty.capnp",
        include_str!("../capnp/rpc-twoparty.capnp"),
    ),
    ("/capnp/rpc.capnp", include_str!("../capnp/rpc.capnp")),
    ("/capnp/schema.capnp", include_str!("../capnp/schema.capnp")),
    ("/capnp/stream.capnp", include_str!("../capnp/stream.capnp")),
    (
        "/capstan/sinks.capnp",
        include_str!("../capstan/sinks.capnp"),
    ),
];

/// The standard file that one imports as `path`, such as `/capnp/rpc.capnp`.
pub fn standard_file(path: &str) -> Option<SourceFile> {
    STANDARD_FILES
        .iter()
        .find(|(name, _)| *name == path)
        .map(|(name, text)| SourceFile::new(*name, *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_paths_beside_the_importer() {
        for (importer, path, expected) in [
            ("a.capnp", "b.capnp", "b.capnp"),
            ("x/a.capnp", "b.capnp", "x/b.capnp"),
            ("x/a.capnp", "../b.capnp", "b.capnp"),
            ("x/a.capnp", "./y/../b.capnp", "x/b.capnp"),
            ("a.capnp", "../b.capnp", "../b.capnp"),
            ("/x/a.capnp", "b.capnp", "/x/b.capnp"),
            ("x/a.capnp", "/capnp/c++.capnp", "/capnp/c++.capnp"),
        ] {
            assert_eq!(resolve_path(importer, path), expected, "{importer} {path}");
        }
    }
}
