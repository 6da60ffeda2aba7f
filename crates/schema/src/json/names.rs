//! What the annotations of `/capnp/compat/json.capnp` say about a struct's fields.

use capstan_message::layout::PointerReader;

use crate::dynamic::StructType;
use crate::node::{Annotation, Field, NodeKind, Value};

const NAME: u64 = 0xfa5b_1fd6_1c2e_7c3d;
const FLATTEN: u64 = 0x82d3_e852_af03_36bf;
const DISCRIMINATOR: u64 = 0xcfa7_94e8_d19a_0162;
const BASE64: u64 = 0xd7d8_7945_0a25_3e4b;
const HEX: u64 = 0xf061_e22f_0ae5_c7b5;

/// How a field appears in JSON.
#[derive(Debug)]
pub(super) struct FieldRules {
    pub(super) name: String,
    /// The fields of the struct or group are the parent's own, with this in front of their names.
    pub(super) flatten: Option<String>,
    pub(super) bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    Numbers,
    Base64,
    Hex,
}

/// The name that says which member a union holds, and the one under which all members appear.
#[derive(Debug, Default)]
pub(super) struct Discriminator {
    pub(super) name: Option<String>,
    pub(super) value_name: Option<String>,
}

impl FieldRules {
    pub(super) fn of(field: &Field) -> Self {
        let annotations = &field.annotations;
        let bytes = match (find(annotations, BASE64), find(annotations, HEX)) {
            (Some(_), _) => Bytes::Base64,
            (None, Some(_)) => Bytes::Hex,
            (None, None) => Bytes::Numbers,
        };
        FieldRules {
            name: renamed(annotations, &field.name),
            flatten: find(annotations, FLATTEN).map(|value| text_at(value, 0).unwrap_or_default()),
            bytes,
        }
    }
}

impl Discriminator {
    /// That of a struct's unnamed union. A named union's stands at the field, in `field`.
    pub(super) fn of(ty: &StructType<'_>, field: Option<&Field>) -> Option<Self> {
        let own = find(&ty.node().annotations, DISCRIMINATOR).map(|value| (value, None));
        let named = field.and_then(|field| {
            let value = find(&field.annotations, DISCRIMINATOR)?;
            Some((value, Some(renamed(&field.annotations, &field.name))))
        });
        let (value, default_name) = named.or(own)?;
        Some(Discriminator {
            name: text_at(value, 0).or(default_name),
            value_name: text_at(value, 1),
        })
    }
}

/// The name of an enumerant.
pub(super) fn enumerant_name(node: Option<&NodeKind>, ordinal: u16) -> Option<String> {
    let Some(NodeKind::Enum { enumerants }) = node else {
        return None;
    };
    let enumerant = enumerants.get(usize::from(ordinal))?;
    Some(renamed(&enumerant.annotations, &enumerant.name))
}

/// The enumerant that has the name.
pub(super) fn enumerant_named(node: Option<&NodeKind>, name: &str) -> Option<u16> {
    let Some(NodeKind::Enum { enumerants }) = node else {
        return None;
    };
    let mut enumerants = enumerants.iter();
    let found = enumerants.position(|each| renamed(&each.annotations, &each.name) == name)?;
    u16::try_from(found).ok()
}

fn renamed(annotations: &[Annotation], name: &str) -> String {
    match find(annotations, NAME) {
        Some(Value::Text(other)) => other.clone(),
        _ => name.to_owned(),
    }
}

fn find(annotations: &[Annotation], id: u64) -> Option<&Value> {
    let found = annotations.iter().find(|annotation| annotation.id == id);
    found.map(|annotation| &annotation.value)
}

/// The text in a pointer field of a struct value, if there is one.
fn text_at(value: &Value, pointer: usize) -> Option<String> {
    let words = value.to_words()?;
    let options = PointerReader::from_words(&words).get_struct(None).ok()?;
    if options.is_pointer_field_null(pointer) {
        return None;
    }
    let text = options.get_pointer_field(pointer).get_text(None).ok()?;
    text.to_string().ok()
}
