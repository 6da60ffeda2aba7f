//! `capstan convert`, `capstan encode` and `capstan decode`.

use super::formats::Format;
use super::incoming;
use super::outgoing::{self, Style};
use crate::arguments::{Flag, Given, Operands, Verb};
use crate::disk::{IMPORT_FLAGS, Sources};
use crate::failure::{Failure, Output};
use crate::host::Host;
use capstan_schema::dynamic::{Schema, StructType};

pub(crate) const VERB: Verb = Verb {
    name: "convert",
    about: "Convert messages between binary, packed, flat, canonical, text and JSON.",
    more: "FROM and TO are two of binary, packed, flat, flat-packed, canonical, text and json. \
           Messages come in by the standard input and go out by the standard output, any number of \
           them, each as soon as it is whole. Text and JSON need the schema file and the type of \
           the messages, such as Person or Outer.Inner.",
    flags: &[IMPORT_FLAGS, &[SHORT, QUIET, SEGMENT_SIZE]],
    operands: Operands {
        names: &["FROM:TO", "schema", "type"],
        required: 1,
        repeated: false,
    },
    run,
};

pub(crate) const ENCODE_VERB: Verb = Verb {
    name: "encode",
    about: "Make binary messages of text.",
    more: "A message is a literal such as (name = \"Ada\", phones = [(number = \"555\")]); there may be \
           many of them, one behind the other.",
    flags: &[IMPORT_FLAGS, &[FLAT, PACKED, QUIET, SEGMENT_SIZE]],
    operands: SCHEMA_AND_TYPE,
    run: encode,
};

pub(crate) const DECODE_VERB: Verb = Verb {
    name: "decode",
    about: "Show binary messages as text.",
    more: "",
    flags: &[IMPORT_FLAGS, &[FLAT, PACKED, SHORT, QUIET]],
    operands: SCHEMA_AND_TYPE,
    run: decode,
};

const SCHEMA_AND_TYPE: Operands = Operands {
    names: &["schema", "type"],
    required: 2,
    repeated: false,
};

const SHORT: Flag = Flag {
    short: None,
    long: "short",
    value: None,
    about: "Write text and JSON on one line for each message.",
};

const QUIET: Flag = Flag {
    short: None,
    long: "quiet",
    value: None,
    about: "Read the input as what it is said to be, even where it looks like another format.",
};

const FLAT: Flag = Flag {
    short: None,
    long: "flat",
    value: None,
    about: "Messages have one segment each and no table, so that there is one to an input.",
};

const PACKED: Flag = Flag {
    short: Some('p'),
    long: "packed",
    value: None,
    about: "Messages are packed.",
};

const SEGMENT_SIZE: Flag = Flag {
    short: None,
    long: "segment-size",
    value: Some("WORDS"),
    about: "Words in each segment of binary output.",
};

#[derive(Clone, Copy, Debug)]
struct Formats {
    from: Format,
    to: Format,
}

impl std::str::FromStr for Formats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text
            .split_once(':')
            .ok_or("write two formats with ':' between them, such as binary:text")?;
        Ok(Formats {
            from: from.parse()?,
            to: to.parse()?,
        })
    }
}

fn run(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let Formats { from, to } = given.operand(0).parse().map_err(Failure::Misuse)?;
    let style = style(given, to)?;
    // They are looked at even where the formats can do without.
    let schema = match given.operands.get(1) {
        Some(file) => Some(compile(given, host, file)?),
        None => None,
    };
    let ty = match (&schema, given.operands.get(1), given.operands.get(2)) {
        (Some(schema), Some(file), Some(name)) => Some(struct_type(schema, file, name)?),
        _ => None,
    };
    if ty.is_none() && (from.needs_schema() || to.needs_schema()) {
        return Err(Failure::Misuse(
            "text and JSON need a schema: write the schema file and the type of the messages \
             behind the formats"
                .to_owned(),
        ));
    }
    convert(given, host, from, style, ty.as_ref())
}

fn encode(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let style = style(given, binary(given))?;
    let schema = compile(given, host, given.operand(0))?;
    let ty = struct_type(&schema, given.operand(0), given.operand(1))?;
    convert(given, host, Format::Text, style, Some(&ty))
}

fn decode(given: &Given, host: &dyn Host) -> Result<(), Failure> {
    let schema = compile(given, host, given.operand(0))?;
    let ty = struct_type(&schema, given.operand(0), given.operand(1))?;
    let style = style(given, Format::Text)?;
    convert(given, host, binary(given), style, Some(&ty))
}

fn style(given: &Given, format: Format) -> Result<Style, Failure> {
    let segment_words = given.value("segment-size").map(|words| {
        let wrong = |_| {
            Failure::Misuse(format!(
                "--segment-size={words}: this is no number of words"
            ))
        };
        words.parse().map_err(wrong)
    });
    Ok(Style {
        format,
        short: given.has("short"),
        segment_words: segment_words.transpose()?,
    })
}

fn binary(given: &Given) -> Format {
    match (given.has("flat"), given.has("packed")) {
        (false, false) => Format::Binary,
        (false, true) => Format::Packed,
        (true, false) => Format::Flat,
        (true, true) => Format::FlatPacked,
    }
}

fn compile(given: &Given, host: &dyn Host, file: &str) -> Result<Schema, Failure> {
    let sources = Sources::given(given, host)?;
    Ok(Schema::new(sources.compile(host, &[file.to_owned()])?))
}

/// A message that cannot be converted is reported and passed over: the others are for someone.
fn convert(
    given: &Given,
    host: &dyn Host,
    from: Format,
    style: Style,
    ty: Option<&StructType<'_>>,
) -> Result<(), Failure> {
    let (mut faulty, mut seen) = (false, false);
    let output = Output::new(host);
    let trusting = given.has("quiet");
    let result = incoming::read(from, ty, &output, trusting, &mut |message| {
        seen = true;
        match message.and_then(|frame| outgoing::write(style, ty, &frame)) {
            Ok(bytes) => output.push(&bytes),
            Err(report) => {
                faulty = true;
                // What comes before it in the input comes before it on a terminal, too.
                output.flush()?;
                host.report(&format!("{}\n", report.trim_end()));
                Ok(())
            }
        }
    });
    output.flush()?;
    result?;
    match (seen, faulty) {
        (true, false) => Ok(()),
        (true, true) => Err(Failure::Report(String::new())),
        // Scripts rely on it: nothing at all is no stream of messages.
        (false, _) => Err("capstan: the input holds no message".to_owned().into()),
    }
}

fn struct_type<'s>(schema: &'s Schema, file: &str, name: &str) -> Result<StructType<'s>, String> {
    // `.Person` is the one of the file, as in schemas.
    let path = name.strip_prefix('.').unwrap_or(name);
    schema.struct_type(path).ok_or_else(|| {
        let what = match schema.find(path) {
            Some(_) => format!("'{name}' is no struct"),
            None => format!("there is no '{name}'"),
        };
        let structs = struct_names(schema);
        let help = match structs.is_empty() {
            true => String::new(),
            false => format!("\n  help: the structs there are {}", structs.join(", ")),
        };
        format!("capstan: {what} in {file}{help}")
    })
}

/// The structs at the top of the requested files.
fn struct_names(schema: &Schema) -> Vec<&str> {
    let files = schema.compiled().requested_files.iter();
    let files = files.filter_map(|file| schema.node(file.id));
    let nested = files.flat_map(|file| &file.nested_nodes);
    let structs = nested.filter(|node| schema.struct_by_id(node.id, Default::default()).is_some());
    structs.map(|node| node.name.as_str()).collect()
}
