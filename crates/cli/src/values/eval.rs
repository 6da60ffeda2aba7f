//! `capstan eval`.

use super::formats::Format;
use super::outgoing::{self, Style};
use crate::arguments::{Flag, Given, Operands, Verb};
use crate::disk::{IMPORT_FLAGS, Sources};
use crate::failure::{Failure, print};
use crate::host::Host;
use capstan_message::message;
use capstan_message::serialize;
use capstan_schema::dynamic::{Schema, Value};
use capstan_schema::text;

pub(crate) const VERB: Verb = Verb {
    name: "eval",
    about: "Print the value of a constant or the default of a field.",
    more: "The name is that of a constant, of a field of a struct for its default value, or of \
           something inside one of these: constant, Outer.constant, Struct.field, constant.field, \
           constant.list[4].field.",
    flags: &[
        IMPORT_FLAGS,
        &[
            Flag {
                short: Some('o'),
                long: "output",
                value: Some("FORMAT"),
                about: "The format of the output, as for convert; formats other than text are for \
                        structs. By default text.",
            },
            Flag {
                short: Some('b'),
                long: "binary",
                value: None,
                about: "The same as --output=binary.",
            },
            Flag {
                short: None,
                long: "flat",
                value: None,
                about: "The same as --output=flat; with -p, flat-packed.",
            },
            Flag {
                short: Some('p'),
                long: "packed",
                value: None,
                about: "The same as --output=packed.",
            },
            Flag {
                short: None,
                long: "short",
                value: None,
                about: "Write text and JSON on one line.",
            },
        ],
    ],
    operands: Operands {
        names: &["schema", "name"],
        required: 2,
        repeated: false,
    },
    run,
};

fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let format = format(given).map_err(Failure::Misuse)?;
    let short = given.has("short");
    let (file, name) = (given.operand(0), given.operand(1));
    let sources = Sources::given(given, host)?;
    let schema = Schema::new(sources.compile(host, &[file.to_owned()])?);
    let value = find(&schema, name).map_err(|reason| format!("capstan: {name}: {reason}"))?;
    if format == Format::Text {
        let value = match value {
            // The reference tool shows a number by itself with all the digits of a Float64.
            Value::Float32(number) => Value::Float64(f64::from(number)),
            value => value,
        };
        let text = text::print(&value, !short).map_err(|error| format!("capstan: {error}"))?;
        return print(host, format!("{text}\n").as_bytes());
    }
    let Value::Struct(value) = value else {
        return Err(Failure::Report(format!(
            "capstan: {name} is no struct: only structs make messages, other values are shown as text"
        )));
    };
    let failed = |error: capstan_message::Error| format!("capstan: {error}");
    let mut copy = message::Builder::new_default();
    let root = copy.get_root_any().builder;
    root.set_struct(&value.reader(), false).map_err(failed)?;
    let frame = serialize::write_message_to_vec(&copy).map_err(failed)?;
    let style = Style {
        format,
        short,
        segment_words: None,
    };
    print(host, &outgoing::write(style, Some(value.ty()), &frame)?)
}

/// The format that the flags name; those that are short for one come before `--output`.
fn format(given: &Given) -> Result<Format, String> {
    match (given.has("binary"), given.has("flat"), given.has("packed")) {
        (false, false, false) => given.value("output").unwrap_or("text").parse(),
        (true, false, false) => Ok(Format::Binary),
        (false, true, false) => Ok(Format::Flat),
        (false, false, true) => Ok(Format::Packed),
        (false, true, true) => Ok(Format::FlatPacked),
        (true, ..) => Err("--binary excludes --flat and --packed".to_owned()),
    }
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
