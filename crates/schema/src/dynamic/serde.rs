//! Values through serde: any format that serde knows becomes a message, and a message any format.
//!
//! Structs and groups are maps by the names of their fields, as the schema spells them; of a union
//! there is the member that it holds. Null pointers are left out, and so is what is missing on the
//! way back: `null` and absence both leave a field alone. Enumerants are strings, or numbers where
//! the schema has no name for them.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Enum, List, SetError, Slot, Struct, StructBuilder, Value};
use crate::node::{NodeKind, Type};

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Void => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float32(value) => serializer.serialize_f32(*value),
            Value::Float64(value) => serializer.serialize_f64(*value),
            Value::Text(text) => serializer.serialize_str(text.to_str().map_err(S::Error::custom)?),
            Value::Data(data) => serializer.serialize_bytes(data),
            Value::Enum(value) => match value.name {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_u16(value.ordinal),
            },
            Value::Struct(value) => value.serialize(serializer),
            Value::List(value) => value.serialize(serializer),
            Value::Capability(_) => Err(S::Error::custom("capabilities cannot be serialized")),
            Value::AnyPointer(_) => Err(S::Error::custom(
                "an AnyPointer cannot be serialized: its type is not known",
            )),
        }
    }
}

impl Serialize for Struct<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, field) in self.ty().fields().iter().enumerate() {
            let held = field.discriminant.is_none()
                || self.which().is_some_and(|(active, _)| active == at);
            // A member that is held is there even if it is null, unless that goes without saying.
            if held && (self.has(at) || field.discriminant.is_some_and(|tag| tag != 0)) {
                let value = self.get(at).map_err(S::Error::custom)?;
                map.serialize_entry(&field.name, &value)?;
            }
        }
        map.end()
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.len() as usize))?;
        for element in self.iter() {
            sequence.serialize_element(&element.map_err(S::Error::custom)?)?;
        }
        sequence.end()
    }
}

/// Fills the struct in. On an error it has some of the values.
impl<'de> DeserializeSeed<'de> for StructBuilder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(Fields(self))
    }
}

/// Puts a value of the slot's type there.
impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.ty() {
            Type::Data => deserializer.deserialize_bytes(Place(self)),
            // A format may say only when asked that null is no value.
            ty if ty.is_pointer() => deserializer.deserialize_option(Place(self)),
            _ => deserializer.deserialize_any(Place(self)),
        }
    }
}

struct Fields<'b>(StructBuilder<'b>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a {} by the names of its fields",
            self.0.ty().node().name()
        )
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(self.0.slot(&name).map_err(de::Error::custom)?)?;
        }
        Ok(())
    }
}

struct Place<'b>(Slot<'b>);

impl Place<'_> {
    fn set<E: de::Error>(self, value: Value<'_>) -> Result<(), E> {
        self.0.set(value).map_err(E::custom)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.schema().type_name(self.0.ty());
        write!(f, "a value of type {name}")
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.set(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => self.set(Value::Int(value)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        match (self.0.ty(), u16::try_from(value)) {
            (Type::Enum { .. }, Ok(ordinal)) => self.set(Value::Enum(Enum {
                ordinal,
                name: None,
            })),
            _ => self.set(Value::UInt(value)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.set(Value::Float64(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let Some(NodeKind::Enum { enumerants }) = self.0.schema().node_of(self.0.ty()) else {
            return match self.0.ty() {
                Type::Data => self.set(Value::Data(value.as_bytes())),
                _ => self.set(Value::Text(value.into())),
            };
        };
        let ordinal = enumerants.iter().position(|each| each.name == value);
        match ordinal.map(u16::try_from) {
            Some(Ok(ordinal)) => self.set(Value::Enum(Enum {
                ordinal,
                name: None,
            })),
            _ => Err(E::custom(SetError::WrongType {
                expected: self.0.schema().type_name(self.0.ty()),
                found: format!("{value:?}"),
            })),
        }
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<(), E> {
        self.set(Value::Data(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        // How long a list is has to be known before its elements have a place.
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element::<Content>()? {
            elements.push(element);
        }
        self.put_list(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let builder = self.0.init_struct().map_err(de::Error::custom)?;
        Fields(builder).visit_map(map)
    }
}

impl Place<'_> {
    fn put_list<E: de::Error>(self, elements: Vec<Content>) -> Result<(), E> {
        if *self.0.ty() == Type::Data {
            let bytes = elements.iter().map(Content::byte);
            let bytes = bytes.collect::<Option<Vec<u8>>>();
            let bytes = bytes.ok_or_else(|| E::custom("Data is made of numbers from 0 to 255"))?;
            return self.set(Value::Data(&bytes));
        }
        let count = u32::try_from(elements.len()).map_err(E::custom)?;
        let mut list = self.0.init_list(count).map_err(E::custom)?;
        for (element, at) in elements.into_iter().zip(0..) {
            element.put(Place(list.slot(at).map_err(E::custom)?))?;
        }
        Ok(())
    }
}

/// An element of a list, kept until the list's length is known.
#[derive(Debug)]
enum Content {
    Unit,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Content>),
    Map(Vec<(String, Content)>),
}

impl Content {
    fn byte(&self) -> Option<u8> {
        match self {
            Content::UInt(value) => u8::try_from(*value).ok(),
            Content::Int(value) => u8::try_from(*value).ok(),
            _ => None,
        }
    }

    fn put<E: de::Error>(self, place: Place<'_>) -> Result<(), E> {
        match self {
            Content::Unit => place.visit_unit(),
            Content::Bool(value) => place.visit_bool(value),
            Content::Int(value) => place.visit_i64(value),
            Content::UInt(value) => place.visit_u64(value),
            Content::Float(value) => place.visit_f64(value),
            Content::Text(value) => place.visit_str(&value),
            Content::Bytes(value) => place.visit_bytes(&value),
            Content::List(elements) => place.put_list(elements),
            Content::Map(members) => {
                let mut builder = place.0.init_struct().map_err(E::custom)?;
                for (name, member) in members {
                    member.put(Place(builder.slot(&name).map_err(E::custom)?))?;
                }
                Ok(())
            }
        }
    }
}

impl<'de> de::Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keep)
    }
}

struct Keep;

impl<'de> Visitor<'de> for Keep {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element of a list")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Unit)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Unit)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Content, E> {
        Ok(Content::Bytes(value.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Content, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Content::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Content::Map(members))
    }
}
