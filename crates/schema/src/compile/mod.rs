//! Syntax trees to compiled schema.

mod annotations;
mod brands;
mod checks;
mod encode;
mod ids;
mod interfaces;
mod layout;
mod modules;
mod names;
mod nodes;
mod structs;
mod suggest;
mod values;

pub(crate) use brands::{apply_brand, apply_to_brand};

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, NO_FILE_ID, Problem, Span};
use crate::files::{Files, SourceFile};
use crate::node::{CompiledSchema, Import, Node, RequestedFile};
use modules::Module;
use names::{Alias, Scope, ScopeId};

/// Past this many errors the rest is noise.
const MAX_DIAGNOSTICS: usize = 100;

/// Compiles `requested` and everything they import.
///
/// # Errors
///
/// Everything that is wrong with the files, in the order of the text. While a declaration cannot be
/// parsed, names that nothing declares and numbers that nothing has are no errors.
pub fn compile(
    files: &dyn Files,
    requested: &[SourceFile],
) -> Result<CompiledSchema, Vec<Diagnostic>> {
    let modules = modules::load(files, requested);
    let mut problems: Vec<(usize, Problem)> = Vec::new();
    for (index, module) in modules.iter().enumerate() {
        problems.extend(module.problems.iter().map(|p| (index, p.clone())));
    }
    let mut compiler = Compiler {
        modules: &modules,
        lossy: modules.iter().any(|module| module.decl.lossy),
        roots: Vec::new(),
        scopes: Vec::new(),
        aliases: Vec::new(),
        by_id: HashMap::new(),
        problems: RefCell::new(Vec::new()),
        nodes: Vec::new(),
        node_index: HashMap::new(),
        pending: nodes::Pending::default(),
        constants: RefCell::new(HashMap::new()),
        depth: Cell::new(0),
        types_size: Cell::new(0),
        copied_bytes: Cell::new(0),
    };
    compiler.run();
    problems.extend(compiler.problems.take());
    let nodes = std::mem::take(&mut compiler.nodes);
    if !problems.is_empty() {
        return Err(diagnostics(&modules, problems));
    }
    let requested_files = requested
        .iter()
        .filter_map(|source| modules.iter().find(|m| m.source.key == source.key))
        .map(|module| requested_file(module, &modules))
        .collect();
    Ok(CompiledSchema {
        nodes,
        requested_files,
    })
}

fn requested_file(module: &Module, modules: &[Module]) -> RequestedFile {
    let id = |module: &Module| module.decl.uid.as_ref().map_or(0, |uid| uid.value);
    let imports = module.imports.iter().map(|(name, index)| Import {
        id: modules.get(*index).map_or(0, id),
        name: name.clone(),
    });
    RequestedFile {
        id: id(module),
        filename: module.source.display_name.clone(),
        imports: imports.collect(),
    }
}

fn diagnostics(modules: &[Module], mut problems: Vec<(usize, Problem)>) -> Vec<Diagnostic> {
    problems.sort_by_key(|(module, problem)| (*module, problem.span));
    problems.dedup_by(|a, b| a.0 == b.0 && a.1.span == b.1.span && a.1.message == b.1.message);
    problems.truncate(MAX_DIAGNOSTICS);
    let render = |(index, problem): &(usize, Problem)| {
        let source = &modules.get(*index)?.source;
        Some(Diagnostic::new(&source.display_name, &source.text, problem))
    };
    problems.iter().filter_map(render).collect()
}

struct Compiler<'a> {
    modules: &'a [Module],
    /// Declarations are missing: what seems to be missing may be in them.
    lossy: bool,
    /// The scope of each module.
    roots: Vec<ScopeId>,
    scopes: Vec<Scope<'a>>,
    aliases: Vec<Alias<'a>>,
    by_id: HashMap<u64, ScopeId>,
    problems: RefCell<Vec<(usize, Problem)>>,
    nodes: Vec<Node>,
    /// Where in `nodes` an id is.
    node_index: HashMap<u64, usize>,
    pending: nodes::Pending<'a>,
    constants: RefCell<HashMap<ScopeId, values::ConstantState>>,
    /// How many names deep we are.
    depth: Cell<usize>,
    /// What all types so far amount to, written out.
    types_size: Cell<usize>,
    /// What the constants take that were copied into other values so far.
    copied_bytes: Cell<usize>,
}

impl Compiler<'_> {
    /// Names first, then types and layouts, then values, which need the layouts of their structs.
    fn run(&mut self) {
        for (index, module) in self.modules.iter().enumerate() {
            let id = match &module.decl.uid {
                Some(uid) => uid.value,
                None => {
                    let problem = Problem::new(Span::default(), NO_FILE_ID);
                    self.complain(
                        index,
                        problem.hint(
                            "run 'capstan id' and put what it prints, followed by ';', at the top",
                        ),
                    );
                    // Never equal for two files, so that no errors follow from this one.
                    1 << 63 | index as u64
                }
            };
            let name = module.source.display_name.clone();
            let root = self.declare(index, None, &module.decl, id, name);
            self.roots.push(root);
        }
        self.check_declarations();
        self.check_aliases();
        for root in self.roots.clone() {
            self.build_nodes(root);
        }
        self.check_inheritance();
        self.fill_values();
    }
}
