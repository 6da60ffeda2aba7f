//! Rust source from compiled schemas, in the shape that users of `capnpc` know.
//!
//! | The schema's                  | becomes in the module `file_capnp`                               |
//! |-------------------------------|------------------------------------------------------------------|
//! | `struct Person`               | `person::{Reader, Builder, Owned}`                               |
//! | field `name`                  | `get_name`, `set_name`, `init_name`, `has_name`                  |
//! | and for pointers              | `disown_name`, `adopt_name`                                      |
//! | union                         | `which()`, `Which`, `WhichReader`, `WhichBuilder`; the variants stand in `person` too |
//! | group `address`               | `person::address::{Reader, Builder}`                             |
//! | `enum Colour`                 | `Colour`, with `TryFrom<u16>`                                    |
//! | `const maxSize`               | `MAX_SIZE`; for structs and lists a `static` with `get()`        |
//! | `interface Files`             | `files::{Client, Server, Owned}`, `From<Client>` to what it extends |
//! | method `open`                 | `Client::open_request()`, `async fn open` of `Server`, `files::{OpenParams, OpenResults, open_params, open_results}` |
//! | `struct Map(Key, Value)`      | `map::Owned<Key, Value>` and the others, for any `Key: Owned`    |
//!
//! Names that Rust or the generated module itself have taken get an underscore: `return_`.
//! `AnyPointer`, `AnyStruct` and `AnyList` are the modules of the same names in `capstan-message`;
//! a `Capability` is an untyped client.
//!
//! The annotations of `capnpc`'s `rust.capnp` (`name`, `parentModule`, `option`) mean here what they
//! mean there.
//!
//! Every type implements `Introspect` (see `capstan_message::introspect`), and every reader
//! `Debug`. A file's code refers to itself by relative paths only, so it works wherever a `mod` or
//! an `include!` puts it; other files' modules it finds by [`Options`].

mod annotations;
mod debug;
mod enums;
mod fields;
mod generics;
mod groups;
mod interfaces;
mod introspection;
mod options;
mod scope;
mod structs;
#[cfg(test)]
mod tests;
mod types;
mod values;
mod writer;

use std::collections::BTreeMap;

pub use crate::Error;

use capstan_schema::node::{CompiledSchema, Node, NodeKind};

use generics::Generics;
use scope::Scopes;
use types::Context;
use writer::{Writer, line};

/// Where generated code finds what it uses.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of the crate `capstan-message`.
    pub message_crate: String,
    /// The path of the crate `capstan-rpc`. Without it pipelines are left out, and a file that
    /// declares or uses interfaces is an error.
    pub rpc_crate: Option<String>,
    /// The module in which the modules of imported files are looked for.
    pub root_module: String,
    /// The module of an imported file (by its id) that is not at `root_module::name_capnp`. For RPC, that of
    /// `/capstan/sinks.capnp` is in `capstan-rpc`.
    pub file_modules: BTreeMap<u64, String>,
    /// Whether types tell their schema at run time.
    pub introspection: bool,
}

impl Options {
    /// For a crate that depends on `capstan-rpc`.
    pub fn rpc() -> Self {
        Self {
            message_crate: "::capstan_rpc::message".to_string(),
            rpc_crate: Some("::capstan_rpc".to_string()),
            root_module: "crate".to_string(),
            file_modules: BTreeMap::from([(SINKS_FILE, "::capstan_rpc::sinks_capnp".to_string())]),
            introspection: true,
        }
    }

    /// For a crate that depends on `capstan-message` alone: structs and enums, no interfaces.
    pub fn messages_only() -> Self {
        Self {
            message_crate: "::capstan_message".to_string(),
            rpc_crate: None,
            root_module: "crate".to_string(),
            file_modules: BTreeMap::new(),
            introspection: true,
        }
    }
}

/// The id of `/capstan/sinks.capnp`.
const SINKS_FILE: u64 = 0xd19c_80e6_d3a4_b75f;

/// The module a file's code expects to be in, such as `files_capnp` for `files.capnp`.
pub fn module_name(filename: &str) -> String {
    let mut name = format!("{}_capnp", crate::names::file_stem_identifier(filename));
    // `c++.capnp`: Rust wants single underscores in names.
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    name
}

/// The contents of the module for the file with this id.
///
/// # Errors
/// When the schema is inconsistent, or declares interfaces and the options have no RPC crate.
pub fn generate(schema: &CompiledSchema, file_id: u64, options: &Options) -> Result<String, Error> {
    annotations::check(schema)?;
    generate_file(&Scopes::new(schema, options), file_id)
}

/// A schema file's code and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The schema file's id.
    pub file_id: u64,
    /// The schema file's name.
    pub filename: String,
    /// What the code expects its module to be called.
    pub name: String,
    /// What stands in the module.
    pub code: String,
}

/// The modules of the requested files and of every file that these take types from, directly or
/// not, except files that `options.file_modules` finds elsewhere.
///
/// # Errors
/// As [`generate`], for any of the files.
pub fn generate_modules(schema: &CompiledSchema, options: &Options) -> Result<Vec<Module>, Error> {
    annotations::check(schema)?;
    let mut wanted: Vec<u64> = schema.requested_files.iter().map(|file| file.id).collect();
    let mut modules: Vec<Module> = Vec::new();
    let mut next = 0;
    while let Some(file_id) = wanted.get(next).copied() {
        next += 1;
        let scopes = Scopes::new(schema, options);
        let code = generate_file(&scopes, file_id)?;
        let filename = match schema.requested_files.iter().find(|f| f.id == file_id) {
            Some(file) => file.filename.clone(),
            None => scopes.node(file_id)?.display_name.clone(),
        };
        modules.push(Module {
            file_id,
            name: scopes.name(file_id)?.to_string(),
            filename,
            code,
        });
        for other in scopes.other_files() {
            if !wanted.contains(&other) && !options.file_modules.contains_key(&other) {
                wanted.push(other);
            }
        }
    }
    Ok(modules)
}

fn generate_file(scopes: &Scopes<'_>, file_id: u64) -> Result<String, Error> {
    let file = scopes.node(file_id)?;
    if !matches!(file.kind, NodeKind::File) {
        return Err(Error::new(format!("{} is not a file", file.display_name)));
    }
    let none = Generics::default();
    let cx = Context {
        scopes,
        file: file_id,
        at: file_id,
        generics: &none,
        options: scopes.options(),
    };
    let mut w = Writer::default();
    line!(
        w,
        "// Generated by capstan from {}. Do not edit.",
        file.display_name
            .chars()
            .map(writer::harmless)
            .collect::<String>()
    );
    for nested in &file.nested_nodes {
        w.blank();
        write_node(&mut w, cx, scopes.node(nested.id)?)?;
    }
    Ok(w.finish())
}

/// Lints that code written by a machine for every schema cannot heed.
const ALLOW: &str = "#[allow(clippy::all, clippy::nursery, clippy::pedantic, rustdoc::all, dead_code, hidden_glob_reexports, mismatched_lifetime_syntaxes, \
    missing_debug_implementations, missing_docs, unreachable_pub, unused, unused_qualifications)]";

/// Before an item at the top of a file: the lints that it and what is inside are exempt from.
fn write_allow(w: &mut Writer, cx: Context<'_>) {
    if cx.at == cx.file {
        line!(w, "{ALLOW}");
    }
}

/// A declared node with everything inside it.
fn write_node(w: &mut Writer, cx: Context<'_>, node: &Node) -> Result<(), Error> {
    if !matches!(node.kind, NodeKind::Annotation { .. }) {
        write_allow(w, cx);
    }
    match &node.kind {
        NodeKind::Struct(structure) => structs::write_struct(w, cx, node, structure),
        NodeKind::Enum { enumerants } => enums::write_enum(w, cx, node, enumerants),
        NodeKind::Interface {
            methods,
            superclasses,
        } => interfaces::write_interface(w, cx, node, methods, superclasses),
        NodeKind::Const { ty, value } => values::write_const(w, cx, node, ty, value),
        // Annotations say something to compilers, nothing to programs.
        NodeKind::Annotation { .. } => Ok(()),
        NodeKind::File => Err(Error::new(format!(
            "{} is a file inside another",
            node.display_name
        ))),
    }
}

/// The nodes declared inside this one.
fn write_nested(w: &mut Writer, cx: Context<'_>, node: &Node) -> Result<(), Error> {
    for nested in &node.nested_nodes {
        w.blank();
        write_node(w, cx, cx.scopes.node(nested.id)?)?;
    }
    Ok(())
}

/// `return` becomes `return_`.
fn escape_keyword(mut name: String) -> String {
    if KEYWORDS.binary_search(&name.as_str()).is_ok() {
        name.push('_');
    }
    name
}

/// Strict and reserved keywords of every edition, sorted.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod keyword_tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_escaped() {
        assert!(KEYWORDS.is_sorted());
        assert_eq!(escape_keyword("return".to_string()), "return_");
        assert_eq!(escape_keyword("Self".to_string()), "Self_");
        assert_eq!(escape_keyword("returns".to_string()), "returns");
    }
}
