//! Loading: the requested files and, over and over, what they import.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::{Problem, Span};
use crate::files::{Files, SourceFile, resolve_path};
use crate::parse::ast::{Decl, ExprKind};
use crate::parse::parse_file;

/// Where `-> stream` gets its result type.
pub(super) const STREAM_FILE: &str = "/capnp/stream.capnp";

/// A parsed file.
pub(super) struct Module {
    pub(super) source: SourceFile,
    pub(super) decl: Decl,
    /// By the path as written; the modules they mean.
    pub(super) imports: BTreeMap<String, usize>,
    /// By the path as written.
    pub(super) embeds: BTreeMap<String, Vec<u8>>,
    pub(super) problems: Vec<Problem>,
    /// Where lines begin, but the first.
    line_starts: Vec<usize>,
}

impl Module {
    /// The line, counted from 1, that a place is in.
    pub(super) fn line_of(&self, place: Span) -> usize {
        self.line_starts
            .partition_point(|start| *start <= place.start)
            + 1
    }
}

/// The requested files come first, in order.
pub(super) fn load(files: &dyn Files, requested: &[SourceFile]) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for source in requested {
        if !by_key.contains_key(&source.key) {
            by_key.insert(source.key.clone(), modules.len());
            modules.push(parse(source.clone()));
        }
    }
    let mut next = 0;
    while let Some(module) = modules.get(next) {
        let wanted = Wanted::of(&module.decl);
        let importer = module.source.key.clone();
        let mut imports = BTreeMap::new();
        let mut problems = Vec::new();
        for (path, span) in wanted.imports {
            let found = files
                .import(&importer, &path)
                .or_else(|| files.standard(&resolve_path(&importer, &path)));
            let Some(source) = found else {
                problems.push(not_found(&path, span));
                continue;
            };
            let index = *by_key.entry(source.key.clone()).or_insert(modules.len());
            if index == modules.len() {
                modules.push(parse(source));
            }
            imports.insert(path, index);
        }
        let mut embeds = BTreeMap::new();
        for (path, span) in wanted.embeds {
            match files.embed(&importer, &path) {
                Some(bytes) => {
                    embeds.insert(path, bytes);
                }
                None => problems.push(not_found(&path, span)),
            }
        }
        if let Some(module) = modules.get_mut(next) {
            module.imports = imports;
            module.embeds = embeds;
            module.problems.extend(problems);
        }
        next += 1;
    }
    modules
}

fn parse(source: SourceFile) -> Module {
    let mut problems = Vec::new();
    let decl = parse_file(&source.text, &mut problems);
    let breaks = source.text.bytes().zip(1..);
    let line_starts = breaks.filter_map(|(byte, next)| (byte == b'\n').then_some(next));
    let line_starts = line_starts.collect();
    Module {
        line_starts,
        source,
        decl,
        imports: BTreeMap::new(),
        embeds: BTreeMap::new(),
        problems,
    }
}

fn not_found(path: &str, span: Span) -> Problem {
    let problem = Problem::new(span, format!("cannot find the file \"{path}\""));
    problem.hint(if path.starts_with('/') {
        "paths that begin with / are looked for in the import directories (-I)"
    } else {
        "the path is relative to this file; a leading / means the import directories (-I)"
    })
}

/// The files that a module mentions, each with the place of its first mention.
#[derive(Default)]
struct Wanted {
    imports: BTreeMap<String, Span>,
    embeds: BTreeMap<String, Span>,
}

impl Wanted {
    fn of(decl: &Decl) -> Self {
        let mut wanted = Wanted::default();
        decl.walk_expressions(&mut |expr| {
            let (list, path) = match &expr.kind {
                ExprKind::Import(path) => (&mut wanted.imports, path),
                ExprKind::Embed(path) => (&mut wanted.embeds, path),
                _ => return,
            };
            list.entry(path.value.clone()).or_insert(path.span);
        });
        if decl.uses_streaming() {
            let entry = wanted.imports.entry(STREAM_FILE.to_owned());
            entry.or_insert(Span::default());
        }
        wanted
    }
}
