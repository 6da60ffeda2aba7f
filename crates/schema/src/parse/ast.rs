//! The syntax tree of one schema file, names not yet resolved.

use crate::diagnostic::Span;
use crate::node::AnnotationTargets;

#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct Decl {
    /// Empty for a file and for an unnamed union.
    pub(crate) name: Located<String>,
    /// `@0x…` of a file or node.
    pub(crate) uid: Option<Located<u64>>,
    /// `@n` of a field, union, enumerant or method.
    pub(crate) ordinal: Option<Located<u16>>,
    /// Type parameters; for a method its implicit ones.
    pub(crate) params: Vec<Located<String>>,
    pub(crate) annotations: Vec<AnnotationUse>,
    pub(crate) doc: Option<String>,
    pub(crate) nested: Vec<Decl>,
    pub(crate) kind: DeclKind,
    pub(crate) span: Span,
    /// Of a file: something in it could not be parsed and is missing here.
    pub(crate) lossy: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum DeclKind {
    File,
    Using(Expr),
    Const {
        ty: Expr,
        value: Expr,
    },
    Enum,
    Enumerant,
    Struct,
    Field {
        ty: Expr,
        default: Option<Expr>,
    },
    Union,
    Group,
    Interface {
        superclasses: Vec<Expr>,
    },
    Method {
        params: ParamList,
        results: Option<ParamList>,
    },
    Annotation {
        ty: Expr,
        targets: AnnotationTargets,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum ParamList {
    Named(Vec<Param>),
    Type(Expr),
    Stream(Span),
}

#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: Located<String>,
    pub(crate) ty: Expr,
    pub(crate) default: Option<Expr>,
    pub(crate) annotations: Vec<AnnotationUse>,
}

#[derive(Clone, Debug)]
pub(crate) struct AnnotationUse {
    pub(crate) name: Expr,
    pub(crate) value: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    PositiveInt(u64),
    /// The magnitude.
    NegativeInt(u64),
    Float(f64),
    String(Vec<u8>),
    Binary(Vec<u8>),
    Name(String),
    /// `.Name`: looked up in the file's own scope.
    Absolute(Located<String>),
    Import(Located<String>),
    Embed(Located<String>),
    List(Vec<Expr>),
    Tuple(Vec<Argument>),
    Apply(Box<Expr>, Vec<Argument>),
    Member(Box<Expr>, Located<String>),
}

#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<Located<String>>,
    pub(crate) value: Expr,
}

impl Expr {
    /// The expression as one would write it, for messages.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            ExprKind::PositiveInt(value) => value.to_string(),
            ExprKind::NegativeInt(value) => format!("-{value}"),
            ExprKind::Float(value) => value.to_string(),
            ExprKind::String(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            ExprKind::Binary(_) => "0x\"…\"".to_owned(),
            ExprKind::Name(name) => name.clone(),
            ExprKind::Absolute(name) => format!(".{}", name.value),
            ExprKind::Import(path) => format!("import {:?}", path.value),
            ExprKind::Embed(path) => format!("embed {:?}", path.value),
            ExprKind::List(_) => "[…]".to_owned(),
            ExprKind::Tuple(_) => "(…)".to_owned(),
            ExprKind::Apply(function, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(|a| a.value.text()).collect();
                format!("{}({})", function.text(), arguments.join(", "))
            }
            ExprKind::Member(parent, name) => format!("{}.{}", parent.text(), name.value),
        }
    }

    /// Calls `visit` on this expression and everything in it.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match &self.kind {
            ExprKind::List(items) => items.iter().for_each(|item| item.walk(visit)),
            ExprKind::Tuple(arguments) => arguments.iter().for_each(|a| a.value.walk(visit)),
            ExprKind::Apply(function, arguments) => {
                function.walk(visit);
                arguments.iter().for_each(|a| a.value.walk(visit));
            }
            ExprKind::Member(parent, _) => parent.walk(visit),
            _ => {}
        }
    }
}

impl Decl {
    /// Calls `visit` on every expression of this declaration and those nested in it.
    pub(crate) fn walk_expressions<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        for annotation in &self.annotations {
            annotation.walk(visit);
        }
        match &self.kind {
            DeclKind::Using(target) => target.walk(visit),
            DeclKind::Const { ty, value } => {
                ty.walk(visit);
                value.walk(visit);
            }
            DeclKind::Field { ty, default } => {
                ty.walk(visit);
                if let Some(value) = default {
                    value.walk(visit);
                }
            }
            DeclKind::Interface { superclasses } => superclasses.iter().for_each(|s| s.walk(visit)),
            DeclKind::Method { params, results } => {
                params.walk(visit);
                if let Some(results) = results {
                    results.walk(visit);
                }
            }
            DeclKind::Annotation { ty, .. } => ty.walk(visit),
            DeclKind::File
            | DeclKind::Enum
            | DeclKind::Enumerant
            | DeclKind::Struct
            | DeclKind::Union
            | DeclKind::Group => {}
        }
        for nested in &self.nested {
            nested.walk_expressions(visit);
        }
    }

    /// Whether this declaration or one nested in it has a `-> stream` method.
    pub(crate) fn uses_streaming(&self) -> bool {
        let streams = |list: &Option<ParamList>| matches!(list, Some(ParamList::Stream(_)));
        matches!(&self.kind, DeclKind::Method { results, .. } if streams(results))
            || self.nested.iter().any(Decl::uses_streaming)
    }
}

impl ParamList {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            ParamList::Named(params) => {
                for param in params {
                    param.ty.walk(visit);
                    if let Some(value) = &param.default {
                        value.walk(visit);
                    }
                    param.annotations.iter().for_each(|a| a.walk(visit));
                }
            }
            ParamList::Type(ty) => ty.walk(visit),
            ParamList::Stream(_) => {}
        }
    }
}

impl AnnotationUse {
    fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.name.walk(visit);
        if let Some(value) = &self.value {
            value.walk(visit);
        }
    }
}
