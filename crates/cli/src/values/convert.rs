//! `capstan convert`, `capstan encode` and `capstan decode`.

use capstan_schema::dynamic::{Schema, StructType};
use clap::Args;

use super::formats::Format;
use super::incoming;
use super::outgoing::{self, Style};
use crate::disk::Sources;
use crate::host::{Host, reason};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    sources: Sources,

    /// Write text and JSON on one line for each message.
    #[arg(long)]
    short: bool,

    /// Accepted, as other tools have it: there are no warnings to keep quiet.
    #[arg(long, hide = true)]
    quiet: bool,

    /// Words in each segment of binary output.
    #[arg(long, value_name = "WORDS")]
    segment_size: Option<u32>,

    /// The formats of the input and of the output: two of binary, packed, flat, flat-packed,
    /// canonical, text and json.
    #[arg(value_name = "FROM:TO")]
    formats: Formats,

    /// The schema, needed for text and JSON.
    #[arg(value_name = "SCHEMA")]
    file: Option<String>,

    /// The type of the messages, such as Person or Outer.Inner.
    #[arg(value_name = "TYPE", requires = "file")]
    type_name: Option<String>,
}

#[derive(Args)]
pub(crate) struct EncodeArguments {
    #[command(flatten)]
    sources: Sources,

    /// Expect one message and write its one segment without a table.
    #[arg(long)]
    flat: bool,

    /// Pack the output.
    #[arg(short, long)]
    packed: bool,

    /// Words in each segment of the output.
    #[arg(long, value_name = "WORDS")]
    segment_size: Option<u32>,

    /// The schema.
    #[arg(value_name = "SCHEMA")]
    file: String,

    /// The type of the messages, such as Person or Outer.Inner.
    #[arg(value_name = "TYPE")]
    type_name: String,
}

#[derive(Args)]
pub(crate) struct DecodeArguments {
    #[command(flatten)]
    sources: Sources,

    /// Expect one segment without a table.
    #[arg(long)]
    flat: bool,

    /// Expect packed messages.
    #[arg(short, long)]
    packed: bool,

    /// Write each message on one line.
    #[arg(long)]
    short: bool,

    /// Accepted, as other tools have it: there are no warnings to keep quiet.
    #[arg(long, hide = true)]
    quiet: bool,

    /// The schema.
    #[arg(value_name = "SCHEMA")]
    file: String,

    /// The type of the messages, such as Person or Outer.Inner.
    #[arg(value_name = "TYPE")]
    type_name: String,
}

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

pub(crate) fn run(arguments: &Arguments, host: &dyn Host) -> Result<(), String> {
    let Formats { from, to } = arguments.formats;
    let style = Style {
        format: to,
        short: arguments.short,
        segment_words: arguments.segment_size,
    };
    match (&arguments.file, &arguments.type_name) {
        (Some(file), Some(name)) => {
            let schema = Schema::new(
                arguments
                    .sources
                    .compile(host, std::slice::from_ref(file))?,
            );
            let ty = struct_type(&schema, file, name)?;
            convert(host, from, style, Some(&ty))
        }
        _ => match [from, to].into_iter().find(|format| format.needs_schema()) {
            Some(_) => Err(
                "capstan: text and JSON need a schema: write the schema file and the type of the \
                 messages behind the formats"
                    .to_owned(),
            ),
            None => convert(host, from, style, None),
        },
    }
}

pub(crate) fn encode(arguments: &EncodeArguments, host: &dyn Host) -> Result<(), String> {
    let file = &arguments.file;
    let schema = Schema::new(
        arguments
            .sources
            .compile(host, std::slice::from_ref(file))?,
    );
    let ty = struct_type(&schema, file, &arguments.type_name)?;
    let style = Style {
        format: binary(arguments.flat, arguments.packed),
        short: false,
        segment_words: arguments.segment_size,
    };
    convert(host, Format::Text, style, Some(&ty))
}

pub(crate) fn decode(arguments: &DecodeArguments, host: &dyn Host) -> Result<(), String> {
    let file = &arguments.file;
    let schema = Schema::new(
        arguments
            .sources
            .compile(host, std::slice::from_ref(file))?,
    );
    let ty = struct_type(&schema, file, &arguments.type_name)?;
    let style = Style {
        format: Format::Text,
        short: arguments.short,
        segment_words: None,
    };
    let from = binary(arguments.flat, arguments.packed);
    convert(host, from, style, Some(&ty))
}

fn binary(flat: bool, packed: bool) -> Format {
    match (flat, packed) {
        (false, false) => Format::Binary,
        (false, true) => Format::Packed,
        (true, false) => Format::Flat,
        (true, true) => Format::FlatPacked,
    }
}

fn convert(
    host: &dyn Host,
    from: Format,
    style: Style,
    ty: Option<&StructType<'_>>,
) -> Result<(), String> {
    let input = host.read_input().map_err(|error| {
        format!(
            "capstan: cannot read the standard input: {}",
            reason(&error)
        )
    })?;
    incoming::read(from, ty, &input, &mut |frame| {
        host.print_bytes(&outgoing::write(style, ty, &frame)?);
        Ok(())
    })
}

fn struct_type<'s>(schema: &'s Schema, file: &str, name: &str) -> Result<StructType<'s>, String> {
    schema.struct_type(name).ok_or_else(|| {
        let what = match schema.find(name) {
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
