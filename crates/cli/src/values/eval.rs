//! `capstan eval`.

use capstan_message::message;
use capstan_message::serialize;
use capstan_schema::dynamic::{Schema, Value};
use capstan_schema::text;
use clap::Args;

use super::formats::Format;
use super::outgoing::{self, Style};
use crate::disk::Sources;
use crate::host::Host;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    sources: Sources,

    /// The format of the output; formats other than text are for structs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,

    /// The same as --output=binary.
    #[arg(short, long)]
    binary: bool,

    /// The same as --output=flat.
    #[arg(long)]
    flat: bool,

    /// The same as --output=packed.
    #[arg(short, long)]
    packed: bool,

    /// Write text and JSON on one line.
    #[arg(long)]
    short: bool,

    /// The schema.
    #[arg(value_name = "SCHEMA")]
    file: String,

    /// A constant, a field of a struct for its default value, or something inside one of these:
    /// constant, Outer.constant, Struct.field, constant.field, constant.list[4].field.
    name: String,
}

pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let file = std::slice::from_ref(&arguments.file);
    let schema = Schema::new(arguments.sources.compile(host, file)?);
    let value = find(&schema, &arguments.name)
        .map_err(|reason| format!("capstan: {}: {reason}", arguments.name))?;
    let format = match (arguments.binary, arguments.flat, arguments.packed) {
        (_, true, true) => Format::FlatPacked,
        (_, true, false) => Format::Flat,
        (_, false, true) => Format::Packed,
        (true, false, false) => Format::Binary,
        (false, false, false) => arguments.output,
    };
    if format == Format::Text {
        let value = match value {
            // The reference tool shows a number by itself with all the digits of a Float64.
            Value::Float32(number) => Value::Float64(f64::from(number)),
            value => value,
        };
        let text = text::print(&value, !arguments.short).map_err(|error| error.to_string())?;
        host.print_bytes(format!("{text}\n").as_bytes());
        return Ok(());
    }
    let Value::Struct(value) = value else {
        return Err(format!(
            "capstan: {} is no struct: only structs make messages, other values are shown as text",
            arguments.name
        ));
    };
    let mut copy = message::Builder::new_default();
    copy.get_root_any()
        .builder
        .set_struct(&value.reader(), false)
        .and_then(|()| serialize::write_message_to_vec(&copy))
        .map_err(|error| format!("capstan: {error}"))
        .and_then(|frame| {
            let style = Style {
                format,
                short: arguments.short,
                segment_words: None,
            };
            host.print_bytes(&outgoing::write(style, Some(value.ty()), &frame)?);
            Ok(())
        })
}

/// The value that a path such as `constant.list[4].field` leads to.
fn find<'s>(schema: &'s Schema, path: &str) -> Result<Value<'s>, String> {
    let mut steps = steps(path)?.into_iter().peekable();
    let mut scope = None;
    let mut value = loop {
        let Some(Step::Name(name)) = steps.next() else {
            return Err("this is a type or a scope, not a value".to_owned());
        };
        let nested = match scope {
            None => schema.find(name),
            Some(scope) => schema.find_in(scope, name),
        };
        let Some(node) = nested else {
            // Not a declaration: perhaps a field of the struct that came last, for its default.
            let structure =
                scope.and_then(|scope| schema.struct_by_id(scope.id, Default::default()));
            let field =
                structure.and_then(|structure| structure.default_value().get_named(name).ok()?);
            break field.ok_or_else(|| format!("'{name}' is not defined"))?;
        };
        if let Some(constant) = schema.constant(node.id) {
            break constant.map_err(|error| error.to_string())?;
        }
        scope = Some(node);
    };
    for step in steps {
        value = match (step, value) {
            (Step::Name(name), Value::Struct(structure)) => structure
                .get_named(name)
                .map_err(|error| error.to_string())?
                .ok_or_else(|| format!("'{name}' is no field of what stands before it"))?,
            (Step::Index(index), Value::List(list)) => {
                if index >= list.len() {
                    return Err(format!(
                        "there is no element {index} in a list of {}",
                        list.len()
                    ));
                }
                list.get(index).map_err(|error| error.to_string())?
            }
            (Step::Name(name), _) => return Err(format!("'{name}' follows what is no struct")),
            (Step::Index(index), _) => return Err(format!("[{index}] follows what is no list")),
        };
    }
    Ok(value)
}

enum Step<'p> {
    Name(&'p str),
    Index(u32),
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let mut pieces = part.split('[');
        steps.push(Step::Name(pieces.next().unwrap_or_default()));
        for piece in pieces {
            let index = piece
                .strip_suffix(']')
                .and_then(|digits| digits.parse().ok());
            steps.push(Step::Index(
                index.ok_or("write list[4] for an element of a list")?,
            ));
        }
    }
    Ok(steps)
}
