//! Values: defaults and constants, checked against their types.

use std::rc::Rc;

use capstan_message::message::ReaderOptions;
use capstan_message::{any_struct, serialize};

use super::Compiler;
use super::brands::{Entity, apply_brand};
use super::encode::{Assignment, Tree};
use super::names::{NO_IMPLICIT, ScopeId};
use super::nodes::PendingDefault;
use super::structs::{Size, size_of};
use crate::diagnostic::{Problem, Span};
use crate::node::{
    AnyPointer, Field, FieldKind, NodeKind, StructNode, Type, Value, WrittenDefault,
};
use crate::parse::ast::{Argument, DeclKind, Expr, ExprKind, Located};

/// The most that the constants in other values may take, all together. Constants made of constants
/// can double with every line.
const MAX_COPIES_BYTES: usize = 1 << 24;

/// How far the evaluation of a constant has come.
pub(super) enum ConstantState {
    InProgress,
    Done(Option<(Type, Tree)>),
}

impl Compiler<'_> {
    pub(super) fn fill_values(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        // Scalar defaults first: structs in other values are encoded relative to them.
        let (pointers, scalars): (Vec<_>, Vec<_>) = pending
            .defaults
            .into_iter()
            .partition(|default| default.ty.is_pointer());
        for default in scalars.iter().chain(&pointers) {
            if default.of_parameter
                && matches!(&default.expr.kind, ExprKind::Name(n) if n == "null")
            {
                self.check_null(default);
                if let Some(field) = self.field_mut(default.node, default.field)
                    && let FieldKind::Slot {
                        written_default, ..
                    } = &mut field.kind
                {
                    *written_default = WrittenDefault::Null;
                }
                continue;
            }
            if let Some(value) = self.evaluate_to_value(default.expr, &default.ty, default.scope)
                && let Some(field) = self.field_mut(default.node, default.field)
                && let FieldKind::Slot { default: slot, .. } = &mut field.kind
            {
                *slot = value;
            }
        }
        for constant in pending.constants {
            let id = self.scope(constant).map_or(0, |scope| scope.id);
            if let Some((ty, tree)) = self.constant(constant)
                && let Some(value) = self.tree_to_value(&tree, &ty)
                && let Some(node) = self
                    .node_index
                    .get(&id)
                    .and_then(|at| self.nodes.get_mut(*at))
                && let NodeKind::Const { value: slot, .. } = &mut node.kind
            {
                *slot = value;
            }
        }
        self.fill_annotations(pending.annotations);
    }

    /// A pointer whose default is `null` has the default that it has without one, but wants to be
    /// told apart from one without.
    fn check_null(&self, default: &PendingDefault<'_>) {
        if !matches!(size_of(&default.ty), Size::Pointer) {
            let message = format!(
                "only parameters of pointer types can be 'null', and this one's is {}",
                self.type_name(&default.ty)
            );
            self.complain_in(default.scope, Problem::new(default.expr.span, message));
        }
    }

    fn field_mut(&mut self, node: u64, field: usize) -> Option<&mut Field> {
        let at = *self.node_index.get(&node)?;
        match &mut self.nodes.get_mut(at)?.kind {
            NodeKind::Struct(structure) => structure.fields.get_mut(field),
            _ => None,
        }
    }

    pub(super) fn evaluate_to_value(
        &self,
        expr: &Expr,
        ty: &Type,
        scope: ScopeId,
    ) -> Option<Value> {
        let tree = self.evaluate(expr, ty, scope)?;
        self.tree_to_value(&tree, ty)
    }

    /// Evaluates `expr` as a value of type `ty`; `None` once the problem has been reported.
    fn evaluate(&self, expr: &Expr, ty: &Type, scope: ScopeId) -> Option<Tree> {
        self.guarded(expr.span, scope, || self.find_value(expr, ty, scope))
    }

    fn find_value(&self, expr: &Expr, ty: &Type, scope: ScopeId) -> Option<Tree> {
        let mismatch = || {
            let message = format!("expected a value of type {}", self.type_name(ty));
            self.complain_in(scope, Problem::new(expr.span, message));
        };
        if let Type::AnyPointer(
            AnyPointer::Parameter { .. } | AnyPointer::ImplicitMethodParameter { .. },
        ) = ty
        {
            let message = "the type of this value is a type parameter, so there is no telling what \
                           the value means";
            self.complain_in(scope, Problem::new(expr.span, message));
            return None;
        }
        if let Type::Struct { id, .. } = ty
            && let Some(field) = self.struct_node(*id).and_then(|found| found.fields.first())
            && let FieldKind::Slot { ty: field_ty, .. } = &field.kind
            && is_literal_of(expr, field_ty)
        {
            return self.first_field(*id, ty, &field.name, expr, scope);
        }
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(tree) = self.literal_name(name, ty) {
                    return Some(tree);
                }
                if is_literal_name(name) {
                    mismatch();
                    return None;
                }
                self.constant_reference(expr, ty, scope)
            }
            ExprKind::Absolute(_)
            | ExprKind::Import(_)
            | ExprKind::Apply(..)
            | ExprKind::Member(..) => self.constant_reference(expr, ty, scope),
            ExprKind::PositiveInt(magnitude) => {
                self.integer(i128::from(*magnitude), ty, expr.span, scope)
            }
            ExprKind::NegativeInt(magnitude) => {
                self.integer(-i128::from(*magnitude), ty, expr.span, scope)
            }
            ExprKind::Float(value) => match ty {
                Type::Float32 => Some(Tree::Scalar(Value::Float32(*value as f32))),
                Type::Float64 => Some(Tree::Scalar(Value::Float64(*value))),
                _ => {
                    mismatch();
                    None
                }
            },
            ExprKind::String(bytes) => self.text(bytes, ty, expr, scope),
            ExprKind::Binary(bytes) if *ty == Type::Data => {
                Some(Tree::Scalar(Value::Data(bytes.clone())))
            }
            ExprKind::Embed(path) => {
                let module = self.modules.get(self.scope(scope)?.module)?;
                let bytes = module.embeds.get(&path.value)?;
                match ty {
                    Type::Text | Type::Data => self.text(bytes, ty, expr, scope),
                    Type::Struct { .. } => match embedded_message(bytes) {
                        Ok(words) => Some(Tree::Message(words)),
                        Err(error) => {
                            let message = format!("this file holds no binary message: {error}");
                            self.complain_in(scope, Problem::new(expr.span, message));
                            None
                        }
                    },
                    _ => {
                        let message = "'embed' makes values of type Text or Data, or structs";
                        self.complain_in(scope, Problem::new(expr.span, message));
                        None
                    }
                }
            }
            ExprKind::List(items) => {
                let Type::List(element) = ty else {
                    mismatch();
                    return None;
                };
                let items = items.iter().map(|item| self.evaluate(item, element, scope));
                // All items are evaluated, so that all their errors are found.
                let items: Vec<Option<Tree>> = items.collect();
                Some(Tree::List {
                    element: element.as_ref().clone(),
                    items: items.into_iter().collect::<Option<Vec<Tree>>>()?,
                })
            }
            ExprKind::Tuple(arguments) => {
                let Type::Struct { id, .. } = ty else {
                    mismatch();
                    return None;
                };
                let mut fields = Vec::new();
                let good = self.assign_fields(*id, ty, arguments, scope, &mut fields);
                good.then_some(Tree::Struct { id: *id, fields })
            }
            ExprKind::Binary(_) => {
                mismatch();
                None
            }
        }
    }

    /// A literal where a struct is wanted is the value of the struct's first field.
    fn first_field(
        &self,
        id: u64,
        ty: &Type,
        name: &str,
        expr: &Expr,
        scope: ScopeId,
    ) -> Option<Tree> {
        let argument = Argument {
            name: Some(Located {
                value: name.to_owned(),
                span: expr.span,
            }),
            value: expr.clone(),
        };
        let mut fields = Vec::new();
        self.assign_fields(id, ty, &[argument], scope, &mut fields)
            .then_some(Tree::Struct { id, fields })
    }

    fn literal_name(&self, name: &str, ty: &Type) -> Option<Tree> {
        let value = match (ty, name) {
            (Type::Enum { id, .. }, _) => {
                let node = self.nodes.get(*self.node_index.get(id)?)?;
                let NodeKind::Enum { enumerants } = &node.kind else {
                    return None;
                };
                let index = enumerants.iter().position(|e| e.name == name)?;
                Value::Enum(u16::try_from(index).ok()?)
            }
            (Type::Void, "void") => Value::Void,
            (Type::Bool, "true") => Value::Bool(true),
            (Type::Bool, "false") => Value::Bool(false),
            (Type::Float32, "inf") => Value::Float32(f32::INFINITY),
            (Type::Float32, "nan") => Value::Float32(f32::NAN),
            (Type::Float64, "inf") => Value::Float64(f64::INFINITY),
            (Type::Float64, "nan") => Value::Float64(f64::NAN),
            _ => return None,
        };
        Some(Tree::Scalar(value))
    }

    fn integer(&self, value: i128, ty: &Type, span: Span, scope: ScopeId) -> Option<Tree> {
        let converted = match ty {
            Type::Int8 => i8::try_from(value).ok().map(Value::Int8),
            Type::Int16 => i16::try_from(value).ok().map(Value::Int16),
            Type::Int32 => i32::try_from(value).ok().map(Value::Int32),
            Type::Int64 => i64::try_from(value).ok().map(Value::Int64),
            Type::UInt8 => u8::try_from(value).ok().map(Value::UInt8),
            Type::UInt16 => u16::try_from(value).ok().map(Value::UInt16),
            Type::UInt32 => u32::try_from(value).ok().map(Value::UInt32),
            Type::UInt64 => u64::try_from(value).ok().map(Value::UInt64),
            Type::Float32 => Some(Value::Float32(value as f32)),
            Type::Float64 => Some(Value::Float64(value as f64)),
            _ => {
                let message = format!("expected a value of type {}", self.type_name(ty));
                self.complain_in(scope, Problem::new(span, message));
                return None;
            }
        };
        if converted.is_none() {
            let message = format!("{value} does not fit in {}", self.type_name(ty));
            self.complain_in(scope, Problem::new(span, message));
        }
        converted.map(Tree::Scalar)
    }

    fn text(&self, bytes: &[u8], ty: &Type, expr: &Expr, scope: ScopeId) -> Option<Tree> {
        let problem = match ty {
            Type::Data => return Some(Tree::Scalar(Value::Data(bytes.to_vec()))),
            Type::Text => match String::from_utf8(bytes.to_vec()) {
                Ok(text) => return Some(Tree::Scalar(Value::Text(text))),
                Err(_) => Problem::new(expr.span, "this text is not valid UTF-8")
                    .hint("use the type Data for other bytes"),
            },
            _ => {
                let message = format!("expected a value of type {}", self.type_name(ty));
                Problem::new(expr.span, message)
            }
        };
        self.complain_in(scope, problem);
        None
    }

    /// Collects `name = value, …` for the struct or group `node`; false if anything was wrong.
    fn assign_fields(
        &self,
        node: u64,
        ty: &Type,
        arguments: &[Argument],
        scope: ScopeId,
        out: &mut Vec<Assignment>,
    ) -> bool {
        let Some(structure) = self.struct_node(node) else {
            return false;
        };
        let mut good = true;
        for (index, argument) in arguments.iter().enumerate() {
            let Some(name) = &argument.name else {
                let problem = Problem::new(argument.value.span, "this value names no field");
                self.complain_in(scope, problem.hint("write '(field = value)'"));
                good = false;
                continue;
            };
            let Some(field) = structure.fields.iter().find(|f| f.name == name.value) else {
                if !self.lossy {
                    let message = format!("{} has no field '{}'", self.type_name(ty), name.value);
                    self.complain_in(scope, Problem::new(name.span, message));
                }
                good = false;
                continue;
            };
            if let Some(value) = field.discriminant {
                out.push(Assignment::Discriminant {
                    offset: structure.discriminant_offset,
                    value,
                });
            }
            match &field.kind {
                FieldKind::Slot {
                    offset,
                    ty: field_ty,
                    default,
                    ..
                } => {
                    let field_ty = match ty {
                        Type::Struct { brand, .. } => apply_brand(field_ty, brand),
                        _ => field_ty.clone(),
                    };
                    match self.evaluate(&argument.value, &field_ty, scope) {
                        Some(tree) => out.push(Assignment::Slot {
                            offset: *offset,
                            default: default.clone(),
                            tree,
                        }),
                        None => good = false,
                    }
                }
                FieldKind::Group { id } => match &argument.value.kind {
                    ExprKind::Tuple(inner) => {
                        // A group that comes twice is set anew by the second.
                        let later = arguments.get(index + 1..).unwrap_or_default();
                        let again = later.iter().filter_map(|argument| argument.name.as_ref());
                        let is_last = again.into_iter().all(|other| other.value != name.value);
                        let mut overwritten = Vec::new();
                        let out = if is_last { &mut *out } else { &mut overwritten };
                        good &= self.assign_fields(*id, ty, inner, scope, out);
                    }
                    _ => {
                        let problem = Problem::new(argument.value.span, "expected a group's value");
                        self.complain_in(scope, problem.hint("write '(field = value, …)'"));
                        good = false;
                    }
                },
            }
        }
        good
    }

    pub(super) fn struct_node(&self, id: u64) -> Option<&StructNode> {
        match &self.nodes.get(*self.node_index.get(&id)?)?.kind {
            NodeKind::Struct(structure) => Some(structure),
            _ => None,
        }
    }

    fn constant_reference(&self, expr: &Expr, ty: &Type, scope: ScopeId) -> Option<Tree> {
        let entity = self.resolve(expr, scope, NO_IMPLICIT)?;
        let found = match &entity {
            Entity::Declared { scope, .. } => *scope,
            _ => {
                self.complain_not_constant(expr, scope);
                return None;
            }
        };
        let declared = self.scope(found)?;
        if !matches!(declared.decl.kind, DeclKind::Const { .. }) {
            self.complain_not_constant(expr, scope);
            return None;
        }
        if let ExprKind::Name(name) = &expr.kind {
            let parent = declared.parent.and_then(|p| self.scope(p))?;
            let problem = Problem::new(expr.span, "a constant is named together with its scope");
            self.complain_in(
                scope,
                problem.hint(format!("write '{}.{name}'", parent.decl.name.value)),
            );
        }
        let (found_ty, tree) = self.constant(found)?;
        if !converts(&found_ty, ty) {
            let message = format!(
                "expected a value of type {}, but '{}' is of type {}",
                self.type_name(ty),
                expr.text(),
                self.type_name(&found_ty)
            );
            self.complain_in(scope, Problem::new(expr.span, message));
            return None;
        }
        let copied = self.copied_bytes.get().saturating_add(tree.size_bytes());
        self.copied_bytes.set(copied);
        if copied > MAX_COPIES_BYTES {
            let message = "the constants used in other values are too big, all together";
            self.complain_in(scope, Problem::new(expr.span, message));
            return None;
        }
        match tree {
            Tree::Scalar(value) if found_ty != *ty => self.convert(&value, ty, expr, scope),
            tree => Some(tree),
        }
    }

    /// A number constant used for another number type.
    fn convert(&self, value: &Value, ty: &Type, expr: &Expr, scope: ScopeId) -> Option<Tree> {
        let integer = match value {
            Value::Int8(value) => i128::from(*value),
            Value::Int16(value) => i128::from(*value),
            Value::Int32(value) => i128::from(*value),
            Value::Int64(value) => i128::from(*value),
            Value::UInt8(value) => i128::from(*value),
            Value::UInt16(value) => i128::from(*value),
            Value::UInt32(value) => i128::from(*value),
            Value::UInt64(value) => i128::from(*value),
            Value::Enum(value) => i128::from(*value),
            Value::Float32(value) => return Some(float_tree(f64::from(*value), ty)),
            Value::Float64(value) => return Some(float_tree(*value, ty)),
            other => return Some(Tree::Scalar(other.clone())),
        };
        self.integer(integer, ty, expr.span, scope)
    }

    fn complain_not_constant(&self, expr: &Expr, scope: ScopeId) {
        let message = format!("'{}' is not a constant", expr.text());
        self.complain_in(scope, Problem::new(expr.span, message));
    }

    /// The type and value of a constant, evaluated when first asked for.
    fn constant(&self, id: ScopeId) -> Option<(Type, Tree)> {
        let scope = self.scope(id)?;
        match self.constants.borrow().get(&id) {
            Some(ConstantState::Done(done)) => return done.clone(),
            Some(ConstantState::InProgress) => {
                let name = &scope.decl.name;
                let message = format!("the constant '{}' is defined by itself", name.value);
                self.complain_in(id, Problem::new(name.span, message));
                return None;
            }
            None => {}
        }
        let node = self.nodes.get(*self.node_index.get(&scope.id)?)?;
        let (DeclKind::Const { value: expr, .. }, NodeKind::Const { ty, .. }) =
            (&scope.decl.kind, &node.kind)
        else {
            return None;
        };
        self.constants
            .borrow_mut()
            .insert(id, ConstantState::InProgress);
        let result = self.evaluate(expr, ty, id).map(|tree| (ty.clone(), tree));
        self.constants
            .borrow_mut()
            .insert(id, ConstantState::Done(result.clone()));
        result
    }

    pub(super) fn type_name(&self, ty: &Type) -> String {
        match ty {
            Type::List(element) => format!("List({})", self.type_name(element)),
            Type::Enum { id, .. } | Type::Struct { id, .. } | Type::Interface { id, .. } => {
                let node = self.node_index.get(id).and_then(|at| self.nodes.get(*at));
                node.map_or_else(|| format!("@0x{id:x}"), |node| node.name().to_owned())
            }
            Type::AnyPointer(_) => "AnyPointer".to_owned(),
            plain => format!("{plain:?}"),
        }
    }
}

/// The words of a framed message, in canonical form.
fn embedded_message(bytes: &[u8]) -> capstan_message::Result<Rc<[u64]>> {
    let options = ReaderOptions {
        traversal_limit_in_words: Some(MAX_COPIES_BYTES / 8),
        ..ReaderOptions::new()
    };
    let mut rest = bytes;
    let message = serialize::read_message_from_flat_slice(&mut rest, options)?;
    // Fails unless it is a struct.
    message.get_root::<any_struct::Reader<'_>>()?;
    let canonical = message.canonicalize()?;
    let (words, _) = canonical.as_chunks::<8>();
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

fn float_tree(value: f64, ty: &Type) -> Tree {
    Tree::Scalar(match ty {
        Type::Float32 => Value::Float32(value as f32),
        _ => Value::Float64(value),
    })
}

/// Whether a constant of type `from` may stand where `to` is wanted (if the number fits).
fn converts(from: &Type, to: &Type) -> bool {
    from == to
        || match to {
            Type::AnyPointer(AnyPointer::Any) => from.is_pointer(),
            Type::AnyPointer(_) => matches!(from, Type::List(_) | Type::Struct { .. }),
            _ => false,
        }
        || (from.is_integer() || matches!(from, Type::Enum { .. }))
            && (to.is_integer() || to.is_float())
        || from.is_float() && to.is_float()
}

/// Whether a literal looks like a value of this type.
fn is_literal_of(expr: &Expr, ty: &Type) -> bool {
    match expr.kind {
        ExprKind::PositiveInt(_) | ExprKind::NegativeInt(_) => ty.is_integer() || ty.is_float(),
        ExprKind::Float(_) => ty.is_float(),
        ExprKind::String(_) => matches!(ty, Type::Text | Type::Data),
        ExprKind::Binary(_) => *ty == Type::Data,
        ExprKind::List(_) => matches!(ty, Type::List(_)),
        _ => false,
    }
}

fn is_literal_name(name: &str) -> bool {
    matches!(name, "void" | "true" | "false" | "inf" | "nan")
}
