//! Text to value.

use crate::diagnostic::{Diagnostic, Problem, Span};
use crate::dynamic::{Enum, SetError, Slot, StructBuilder, Value};
use crate::node::{NodeKind, Type};
use crate::parse::ast::{Argument, Expr, ExprKind};
use crate::parse::parse_values;

/// Struct literals that stand one behind the other in a text.
#[derive(Debug)]
pub struct Texts<'t> {
    name: &'t str,
    text: &'t str,
    values: Vec<Expr>,
}

/// Finds the struct literals in a text. `name` stands for the text in error messages.
///
/// # Errors
/// When the text is not of the right form.
pub fn parse<'t>(name: &'t str, text: &'t str) -> Result<Texts<'t>, Vec<Diagnostic>> {
    let (values, problems) = parse_values(text);
    if problems.is_empty() {
        Ok(Texts { name, text, values })
    } else {
        let render = |problem| Diagnostic::new(name, text, problem);
        Err(problems.iter().map(render).collect())
    }
}

impl Texts<'_> {
    /// How many literals there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Puts the values of one literal into a struct.
    ///
    /// # Errors
    /// When there is no such literal, and all that does not fit the struct's type; the struct has
    /// some of the values then.
    pub fn read(&self, at: usize, mut into: StructBuilder<'_>) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        match self.values.get(at).map(|value| (&value.kind, value.span)) {
            Some((ExprKind::Tuple(arguments), _)) => fill(&mut into, arguments, &mut problems),
            found => {
                let span = found.map_or(Span::default(), |(_, span)| span);
                let problem = Problem::new(span, "a message is a struct");
                problems.push(problem.hint("write '(field = value, …)'"));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            let render = |problem| Diagnostic::new(self.name, self.text, problem);
            Err(problems.iter().map(render).collect())
        }
    }
}

fn fill(into: &mut StructBuilder<'_>, arguments: &[Argument], problems: &mut Vec<Problem>) {
    for argument in arguments {
        let Some(name) = &argument.name else {
            let problem = Problem::new(argument.value.span, "this value names no field");
            problems.push(problem.hint("write '(field = value)'"));
            continue;
        };
        match into.slot(&name.value) {
            Ok(slot) => put(slot, &argument.value, problems),
            Err(error) => problems.push(Problem::new(name.span, error.to_string())),
        }
    }
}

fn put(slot: Slot<'_>, expr: &Expr, problems: &mut Vec<Problem>) {
    if let Err(error) = try_put(slot, expr, problems) {
        let mut problem = Problem::new(expr.span, error.to_string());
        if let ExprKind::Embed(_) | ExprKind::Import(_) | ExprKind::Member(..) = expr.kind {
            problem = problem.hint("only literal values can be used here, no names of others");
        }
        problems.push(problem);
    }
}

fn try_put(slot: Slot<'_>, expr: &Expr, problems: &mut Vec<Problem>) -> Result<(), SetError> {
    let expected = slot.schema().type_name(slot.ty());
    let wrong_type = || SetError::WrongType {
        expected: expected.clone(),
        found: expr.text(),
    };
    match (&expr.kind, slot.ty()) {
        (ExprKind::Tuple(arguments), Type::Struct { .. }) => {
            fill(&mut slot.init_struct()?, arguments, problems);
            Ok(())
        }
        // What the printer makes of an enumerant that it does not know.
        (ExprKind::Tuple(arguments), Type::Enum { .. }) => match arguments.as_slice() {
            [
                Argument {
                    name: None,
                    value:
                        Expr {
                            kind: ExprKind::PositiveInt(ordinal),
                            ..
                        },
                },
            ] => {
                let ordinal = u16::try_from(*ordinal).map_err(|_| wrong_type())?;
                slot.set(Value::Enum(Enum {
                    ordinal,
                    name: None,
                }))
            }
            _ => Err(wrong_type()),
        },
        (ExprKind::List(items), Type::List(_)) => {
            let count = u32::try_from(items.len()).map_err(|_| wrong_type())?;
            let mut list = slot.init_list(count)?;
            for (item, at) in items.iter().zip(0..) {
                put(list.slot(at)?, item, problems);
            }
            Ok(())
        }
        (ExprKind::PositiveInt(value), _) => slot.set(Value::UInt(*value)),
        (ExprKind::NegativeInt(magnitude), _) => match 0i64.checked_sub_unsigned(*magnitude) {
            Some(value) => slot.set(Value::Int(value)),
            None if matches!(slot.ty(), Type::Float32 | Type::Float64) => {
                slot.set(Value::Float64(-(*magnitude as f64)))
            }
            None => Err(SetError::OutOfRange {
                expected,
                found: expr.text(),
            }),
        },
        (ExprKind::Float(value), _) => slot.set(Value::Float64(*value)),
        (ExprKind::String(bytes), Type::Text) => {
            if std::str::from_utf8(bytes).is_err() {
                return Err(SetError::WrongType {
                    expected,
                    found: "bytes that are no UTF-8".to_owned(),
                });
            }
            slot.set(Value::Text(bytes.as_slice().into()))
        }
        (ExprKind::String(bytes) | ExprKind::Binary(bytes), Type::Data) => {
            slot.set(Value::Data(bytes))
        }
        (ExprKind::Name(name), ty) => {
            let value = named(slot.schema().node_of(ty), ty, name);
            slot.set(value.ok_or_else(wrong_type)?)
        }
        _ => Err(wrong_type()),
    }
}

fn named<'n>(node: Option<&'n NodeKind>, ty: &Type, name: &str) -> Option<Value<'n>> {
    Some(match (ty, name) {
        (Type::Void, "void") => Value::Void,
        (Type::Bool, "true") => Value::Bool(true),
        (Type::Bool, "false") => Value::Bool(false),
        (Type::Float32 | Type::Float64, "inf") => Value::Float64(f64::INFINITY),
        (Type::Float32 | Type::Float64, "nan") => Value::Float64(f64::NAN),
        (Type::Enum { .. }, _) => {
            let Some(NodeKind::Enum { enumerants }) = node else {
                return None;
            };
            let ordinal = enumerants.iter().position(|each| each.name == name)?;
            Value::Enum(Enum {
                ordinal: u16::try_from(ordinal).ok()?,
                name: None,
            })
        }
        _ => return None,
    })
}
