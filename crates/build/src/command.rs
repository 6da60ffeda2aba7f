//! What to compile and where to put it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::{env, fs};

use capstan_codegen::rust::{self, Module, Options};
use capstan_schema::CompiledSchema;

use crate::Error;
use crate::disk::Disk;

/// Compiles schemas as [`compile`](crate::compile) does, with everything adjustable.
///
/// ```no_run
/// # fn main() -> Result<(), capstan_build::Error> {
/// capstan_build::CompilerCommand::new()
///     .src_prefix("schema")
///     .file("schema/person.capnp")
///     .file("schema/address_book.capnp")
///     .import_path("vendor/schemas")
///     .run()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CompilerCommand {
    files: Vec<PathBuf>,
    src_prefixes: Vec<PathBuf>,
    import_paths: Vec<PathBuf>,
    output_path: Option<PathBuf>,
    options: Options,
}

impl Default for CompilerCommand {
    fn default() -> Self {
        Self::new()
    }
}

impl CompilerCommand {
    /// Nothing to compile yet; code for a crate that depends on `capstan-rpc`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            files: Vec::new(),
            src_prefixes: Vec::new(),
            import_paths: Vec::new(),
            output_path: None,
            options: Options::rpc(),
        }
    }

    /// A schema to compile, relative to the package's directory.
    pub fn file(&mut self, path: impl AsRef<Path>) -> &mut Self {
        self.files.push(path.as_ref().to_path_buf());
        self
    }

    /// A directory whose name is no part of the schemas' names. Below it, code is written into
    /// the same directories as the schemas are in; schemas that are below no such directory
    /// have their code at the top of the output directory.
    pub fn src_prefix(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.src_prefixes.push(directory.as_ref().to_path_buf());
        self
    }

    /// A directory in which imports that begin with `/` are looked for. The standard files
    /// (`/capnp/…`) are built in.
    pub fn import_path(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.import_paths.push(directory.as_ref().to_path_buf());
        self
    }

    /// Where the code goes instead of `OUT_DIR`, such as `src` for code that is checked in.
    pub fn output_path(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.output_path = Some(directory.as_ref().to_path_buf());
        self
    }

    /// The module below the crate's root that the generated modules are in, from the outside in:
    /// `["protocol", "v1"]` for `crate::protocol::v1::files_capnp`.
    pub fn default_parent_module<S: AsRef<str>>(
        &mut self,
        modules: impl IntoIterator<Item = S>,
    ) -> &mut Self {
        self.options.root_module = modules
            .into_iter()
            .fold("crate".to_string(), |path, module| {
                format!("{path}::{}", module.as_ref())
            });
        self
    }

    /// Says that the code for an imported file, known by its id, is not to be written because it
    /// is elsewhere: `("::other_crate::person_capnp", 0xd4c9_a1b7_e6f2_0853)`.
    pub fn provided(&mut self, module: impl Into<String>, file_id: u64) -> &mut Self {
        self.options.file_modules.insert(file_id, module.into());
        self
    }

    /// Writes code for a crate that depends on `capstan-message` alone. Schemas with interfaces
    /// are errors then.
    pub fn messages_only(&mut self) -> &mut Self {
        let root_module = std::mem::take(&mut self.options.root_module);
        let file_modules = std::mem::take(&mut self.options.file_modules);
        self.options = Options {
            root_module,
            file_modules,
            ..Options::messages_only()
        };
        self
    }

    /// Compiles, writes the code, and tells Cargo which files to watch. Files that would not
    /// change are not touched.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is no valid schema. All that is wrong is in the
    /// one error.
    pub fn run(&self) -> Result<(), Error> {
        if self.files.is_empty() {
            return Err(Error::new("there are no schemas to compile"));
        }
        let output = self.output()?;
        let disk = Disk::new(self.import_paths.clone());
        let schema = self.compile(&disk);
        // After errors too: repairing an imported file must run the script again.
        for path in disk.read() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let schema = schema?;
        let modules = rust::generate_modules(&schema, &self.options)
            .map_err(|error| Error::new(error.to_string()))?;
        let mut written: BTreeMap<PathBuf, &Module> = BTreeMap::new();
        for module in &modules {
            let path = output.join(self.place(&module.filename, &module.name));
            if let Some(other) = written.insert(path.clone(), module) {
                return Err(Error::new(format!(
                    "{} and {} would both be written to {}\n  help: rename one of them, or compile them one by one with different output paths",
                    other.filename,
                    module.filename,
                    path.display()
                )));
            }
        }
        for (path, module) in written {
            write(&path, &module.code)?;
        }
        Ok(())
    }

    fn output(&self) -> Result<PathBuf, Error> {
        match (&self.output_path, env::var_os("OUT_DIR")) {
            (Some(path), _) => Ok(path.clone()),
            (None, Some(out_dir)) => Ok(PathBuf::from(out_dir)),
            (None, None) => Err(Error::new(
                "OUT_DIR is not set, so there is no place for the code\n  help: call this from a build script, or set an output path",
            )),
        }
    }

    fn compile(&self, disk: &Disk) -> Result<CompiledSchema, Error> {
        let sources: Vec<_> = self
            .files
            .iter()
            .filter_map(|path| disk.requested(path, &self.name(path)))
            .collect();
        let compiled = capstan_schema::compile(disk, &sources);
        let mut problems = disk.problems();
        match compiled {
            Ok(schema) if problems.is_empty() => return Ok(schema),
            Ok(_) => {}
            Err(diagnostics) => problems.extend(diagnostics.iter().map(|error| error.render())),
        }
        let report: Vec<&str> = problems.iter().map(|problem| problem.trim_end()).collect();
        Err(Error::new(report.join("\n\n")))
    }

    /// The schema's name: its path less the first prefix that fits, or the way up to it.
    fn name(&self, path: &Path) -> String {
        let inside = self
            .src_prefixes
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix).ok());
        let inside = inside.unwrap_or(path).components();
        let inside: PathBuf = inside
            .skip_while(|part| matches!(part, Component::ParentDir | Component::CurDir))
            .collect();
        inside.to_string_lossy().replace('\\', "/")
    }

    /// Where in the output directory the code of a schema goes.
    fn place(&self, filename: &str, module: &str) -> PathBuf {
        let file = format!("{module}.rs");
        let parent = Path::new(filename).parent().unwrap_or(Path::new(""));
        let plain = parent
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if self.src_prefixes.is_empty() || !plain {
            PathBuf::from(file)
        } else {
            parent.join(file)
        }
    }
}

fn write(path: &Path, code: &str) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == code.as_bytes()) {
        return Ok(());
    }
    let cannot =
        |error: std::io::Error| Error::new(format!("cannot write {}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(cannot)?;
    }
    fs::write(path, code).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_out_prefixes_and_the_way_up() {
        let mut command = CompilerCommand::new();
        command.src_prefix("schema").src_prefix("../shared/");
        for (path, name, place) in [
            ("schema/a.capnp", "a.capnp", "m.rs"),
            ("schema/v1/a.capnp", "v1/a.capnp", "v1/m.rs"),
            ("../shared/v1/a.capnp", "v1/a.capnp", "v1/m.rs"),
            ("../../a.capnp", "a.capnp", "m.rs"),
            ("/a.capnp", "/a.capnp", "m.rs"),
        ] {
            assert_eq!(command.name(Path::new(path)), name);
            assert_eq!(command.place(name, "m"), Path::new(place), "{path}");
        }
        let place = CompilerCommand::new().place("v1/a.capnp", "m");
        assert_eq!(place, Path::new("m.rs"));
    }
}
