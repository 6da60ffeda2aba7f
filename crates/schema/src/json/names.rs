//! What the annotations of `/capnp/compat/json.capnp` say about a struct's fields.

use capstan_message::layout::PointerReader;

use crate::node::{Annotation, Field, NodeKind, Value};

const NAME: u64 = 0xfa5b_1fd6_1c2e_7c3d;
const FLATTEN: u64 = 0x82d3_e852_af03_36bf;
const DISCRIMINATOR: u64 = 0xcfa7_94e8_d19a_0162;
const BASE64: u64 = 0xd7d8_7945_0a25_3e4b;
const HEX: u64 = 0xf061_e22f_0ae5_c7b5;

/// How a field appears in JSON.
#[derive(Debug)]
pub struct FieldRules {
    /// The schema's name for it, or another that an annotation gives it.
    pub name: String,
    /// The fields of the struct or group are the parent's own, with this in front of their names.
    pub flatten: Option<String>,
    /// What becomes of Data in it.
    pub bytes: Bytes,
}

/// How Data appears in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// An array of its bytes.
    Numbers,
    /// Base64 with padding.
    Base64,
    /// Two digits for each byte.
    Hex,
}

/// The name that says which member a union holds, and the one under which all members appear.
#[derive(Debug, Default)]
pub struct Discriminator {
    /// The name that says which member it is.
    pub name: Option<String>,
    /// The name of the member itself; each member has its own where there is none.
    pub value_name: Option<String>,
}

impl FieldRules {
    /// What the field's annotations say.
    pub fn of(field: &Field) -> Self {
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
    /// That of a struct's unnamed union, from the struct's annotations. A named union's stands at
    /// the field, in `field`.
    pub fn of(annotations: &[Annotation], field: Option<&Field>) -> Option<Self> {
        let own = find(annotations, DISCRIMINATOR).map(|value| (value, None));
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

/// The name that annotations give to what has this one otherwise: a field or an enumerant.
pub fn renamed(annotations: &[Annotation], name: &str) -> String {
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
