//! Modules of other files: where they are and what they are called.

use capstan_schema::node::CompiledSchema;
use capstan_schema::standard_file;

use super::names::Names;
use super::{Error, Options};
use crate::names::file_stem_identifier;

impl Names<'_> {
    pub(super) fn imports(&self, schema: &CompiledSchema, file: u64, options: &Options) -> String {
        let mut out = format!("import * as $ from {:?};\n", options.runtime);
        let requested = schema
            .requested_files
            .iter()
            .find(|requested| requested.id == file);
        for id in self.imported.borrow().iter() {
            let written = requested
                .and_then(|requested| requested.imports.iter().find(|import| import.id == *id));
            let display_name = self
                .node(*id)
                .map(|node| node.display_name.as_str())
                .unwrap_or_default();
            let standard = format!("/{display_name}");
            let path = match written {
                _ if standard_file(&standard).is_some() => &standard,
                Some(import) => import.name.as_str(),
                None => display_name,
            };
            let module = options
                .file_modules
                .get(id)
                .cloned()
                .unwrap_or_else(|| module_path(path, options));
            if let Ok(name) = self.import_name(*id) {
                out.push_str(&format!("import * as {name} from {module:?};\n"));
            }
        }
        out
    }

    fn import_name(&self, file: u64) -> Result<String, Error> {
        let display_name = &self.node(file)?.display_name;
        // The id tells files of one name in different folders apart.
        Ok(format!(
            "${}_{:x}",
            file_stem_identifier(display_name),
            file & 0xffff
        ))
    }

    pub(super) fn import(&self, file: u64) -> Result<String, Error> {
        self.imported.borrow_mut().insert(file);
        self.import_name(file)
    }
}

/// `../other.capnp` becomes `../other.capnp.js`, `other.capnp` `./other.capnp.js`, and
/// `/capnp/schema.capnp` `capstan/capnp/schema.capnp.js`. Our own `/capstan/sinks.capnp` becomes `capstan/sinks.capnp.js`.
fn module_path(import: &str, options: &Options) -> String {
    // The package has modules of the standard files.
    if standard_file(import).is_some() {
        let path = import.strip_prefix("/capstan").unwrap_or(import);
        return format!("capstan{path}.js");
    }
    let stem = import.trim_start_matches('/');
    let stem = stem.strip_suffix(".capnp").unwrap_or(stem);
    let dot = if stem.starts_with("./") || stem.starts_with("../") {
        ""
    } else {
        "./"
    };
    format!("{dot}{stem}{}", options.import_extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_become_module_paths() {
        let options = Options::default();
        assert_eq!(module_path("a.capnp", &options), "./a.capnp.js");
        assert_eq!(module_path("../x/a.capnp", &options), "../x/a.capnp.js");
        assert_eq!(
            module_path("/capnp/rpc.capnp", &options),
            "capstan/capnp/rpc.capnp.js"
        );
        assert_eq!(
            module_path("/capstan/sinks.capnp", &options),
            "capstan/sinks.capnp.js"
        );
        assert_eq!(module_path("/own/a.capnp", &options), "./own/a.capnp.js");
    }
}
