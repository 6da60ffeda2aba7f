//! How one field is written and read.

use capstan_schema::node::{AnyPointer, Field, FieldKind, StructNode, Type, Value};

use super::Error;
use super::names::{Names, Site};
use super::values::{data, default_bits, string};
use super::words::field_name;

/// A scalar's place and how the runtime calls its type.
struct Scalar {
    bytes: u32,
    method: &'static str,
    /// The DataView's method, with its second argument.
    get: &'static str,
    endian: &'static str,
}

fn scalar(ty: &Type) -> Option<Scalar> {
    let (bytes, method, get, endian) = match ty {
        Type::Int8 => (1, "i8", "getInt8", ""),
        Type::UInt8 => (1, "u8", "getUint8", ""),
        Type::Int16 => (2, "i16", "getInt16", ", true"),
        Type::UInt16 => (2, "u16", "getUint16", ", true"),
        Type::Enum { .. } => (2, "enum", "getUint16", ", true"),
        Type::Int32 => (4, "i32", "getInt32", ", true"),
        Type::UInt32 => (4, "u32", "getUint32", ", true"),
        Type::Int64 => (8, "i64", "getBigInt64", ", true"),
        Type::UInt64 => (8, "u64", "getBigUint64", ", true"),
        Type::Float32 => (4, "f32", "getFloat32", ", true"),
        Type::Float64 => (8, "f64", "getFloat64", ", true"),
        _ => return None,
    };
    Some(Scalar {
        bytes,
        method,
        get,
        endian,
    })
}

/// `p` or `p + 8`.
pub(super) fn at(bytes: u32) -> String {
    if bytes == 0 {
        "p".to_owned()
    } else {
        format!("p + {bytes}")
    }
}

fn pointer_at(structure: &StructNode, index: u32) -> String {
    at((u32::from(structure.data_words) + index) * 8)
}

/// A statement that writes a field of `o`; nothing for Void.
pub(super) fn encode_field(
    names: &Names<'_>,
    structure: &StructNode,
    field: &Field,
    site: Site,
) -> Result<String, Error> {
    let name = field_name(&field.name, structure);
    let (offset, ty, default) = match &field.kind {
        FieldKind::Slot {
            offset,
            ty,
            default,
            ..
        } => (*offset, ty, default),
        FieldKind::Group { id } => {
            let flat = names.flat(*id)?;
            return Ok(format!(
                "if ((x = o.{name}) != null) encode${flat}(w, p, w.group(x, {name:?}));\n"
            ));
        }
    };
    let bits = default_bits(default);
    let calls = if let Type::Bool = ty {
        let (place, mask) = (at(offset / 8), 1 << (offset % 8));
        let call = format!("w.bool({place}, {mask}, x, {name:?});");
        if bits == 0 {
            call
        } else {
            format!("{{ {call} w.xor8({place}, {mask}); }}")
        }
    } else if let Some(scalar) = scalar(ty) {
        let place = at(offset * scalar.bytes);
        let descriptor = match ty {
            Type::Enum { id, .. } => format!("{}, ", names.value(*id)?),
            _ => String::new(),
        };
        let call = format!("w.{}({place}, x, {descriptor}{name:?});", scalar.method);
        if bits == 0 {
            call
        } else {
            format!("{{ {call} {} }}", xor(scalar.bytes, &place, bits))
        }
    } else if let Type::Void = ty {
        return Ok(String::new());
    } else {
        format!(
            "{};",
            encode_element(
                names,
                ty,
                &pointer_at(structure, offset),
                &format!("{name:?}"),
                site
            )?
        )
    };
    Ok(format!("if ((x = o.{name}) != null) {calls}\n"))
}

fn xor(bytes: u32, place: &str, bits: u64) -> String {
    match bytes {
        1 => format!("w.xor8({place}, {bits});"),
        2 => format!("w.xor16({place}, {bits});"),
        4 => format!("w.xor32({place}, {});", bits as u32 as i32),
        _ => format!(
            "w.xor64({place}, {}, {});",
            bits as u32 as i32,
            (bits >> 32) as u32 as i32
        ),
    }
}

/// An expression that writes `x` through the pointer at `place`; `field` is an expression too.
fn encode_element(
    names: &Names<'_>,
    ty: &Type,
    place: &str,
    field: &str,
    site: Site,
) -> Result<String, Error> {
    if let Some(descriptor) = at_run_time(names, ty, site)? {
        return Ok(format!("$.put(w, {place}, x, {descriptor}, {field})"));
    }
    Ok(match ty {
        Type::Text => format!("w.text({place}, x, {field})"),
        Type::Data => format!("w.data({place}, x, {field})"),
        Type::Interface { id, .. } => format!("w.cap({place}, x, {}, {field})", names.value(*id)?),
        Type::AnyPointer(AnyPointer::Capability) => {
            format!("w.cap({place}, x, $.Capability, {field})")
        }
        Type::AnyPointer(_) => format!("$.encodeAny(w, {place}, x, {field})"),
        Type::Struct { id, .. } => {
            let found = names.structure(*id)?;
            let room = format!(
                "w.struct({place}, {}, {}, x, {field})",
                found.data_words, found.pointers
            );
            format!("{}(w, {room}, x)", function(names, "encode", *id)?)
        }
        Type::List(element) => match &**element {
            Type::Void => format!("w.voids({place}, x, {field})"),
            Type::Bool => format!("w.bools({place}, x, {field})"),
            Type::Text => format!("w.texts({place}, x, {field})"),
            Type::Data => format!("w.datas({place}, x, {field})"),
            Type::Enum { id, .. } => format!("w.enums({place}, x, {}, {field})", names.value(*id)?),
            Type::Interface { id, .. } => {
                format!("w.caps({place}, x, {}, {field})", names.value(*id)?)
            }
            Type::Struct { id, .. } => {
                names.note_list(*id);
                format!(
                    "encodeList${}(w, {place}, x, {field})",
                    list_name(names, *id)?
                )
            }
            Type::AnyPointer(AnyPointer::Capability) => {
                format!("w.caps({place}, x, $.Capability, {field})")
            }
            Type::AnyPointer(_) => format!("w.each({place}, x, $.encodeAny, {field})"),
            inner @ Type::List(_) => {
                format!(
                    "w.each({place}, x, (w, p, x, f) => {}, {field})",
                    encode_element(names, inner, "p", "f", site)?
                )
            }
            number => match scalar(number) {
                Some(scalar) => format!("w.{}s({place}, x, {field})", scalar.method),
                None => String::new(),
            },
        },
        _ => String::new(),
    })
}

/// An expression for a field's value; `undefined` for Void.
///
/// `fallback` calls what makes a struct, list or AnyPointer that stands for an absent one.
pub(super) fn decode_field(
    names: &Names<'_>,
    field: &Field,
    fallback: Option<&str>,
    site: Site,
) -> Result<String, Error> {
    let (offset, ty, default) = match &field.kind {
        FieldKind::Slot {
            offset,
            ty,
            default,
            ..
        } => (*offset, ty, default),
        FieldKind::Group { id } => return Ok(format!("decode${}(r, p)", names.flat(*id)?)),
    };
    let bits = default_bits(default);
    if let Type::Bool = ty {
        let sign = if bits == 0 { "!==" } else { "===" };
        return Ok(format!(
            "(r.view.getUint8({}) & {}) {sign} 0",
            at(offset / 8),
            1 << (offset % 8)
        ));
    }
    if let Some(scalar) = scalar(ty) {
        let place = at(offset * scalar.bytes);
        let read = format!("r.view.{}({place}{})", scalar.get, scalar.endian);
        return Ok(match ty {
            Type::Enum { id, .. } => {
                let stored = if bits == 0 {
                    read
                } else {
                    format!("{read} ^ {bits}")
                };
                format!("r.enum({stored}, {})", names.value(*id)?)
            }
            _ if bits == 0 => read,
            Type::Float32 => format!("r.f32x({place}, {})", bits as u32 as i32),
            Type::Float64 => format!(
                "r.f64x({place}, {}, {})",
                bits as u32 as i32,
                (bits >> 32) as u32 as i32
            ),
            Type::Int8 => format!("{read} ^ {}", bits as u8 as i8),
            Type::Int16 => format!("{read} ^ {}", bits as u16 as i16),
            Type::Int32 => format!("{read} ^ {}", bits as u32 as i32),
            Type::UInt32 => format!("({read} ^ {}) >>> 0", bits as u32 as i32),
            Type::Int64 => format!("{read} ^ {}n", bits as i64),
            Type::UInt64 => format!("{read} ^ {bits}n"),
            _ => format!("{read} ^ {bits}"),
        });
    }
    if let Some(fallback) = fallback {
        let value = decode_element(names, ty, site)?;
        return Ok(match ty {
            Type::List(_) => format!("r.absent() ? {fallback} : {value}"),
            Type::Struct { .. } if !names.is_open(ty, site) => {
                value.replacen("void 0", fallback, 1)
            }
            _ => format!("{value} ?? {fallback}"),
        });
    }
    match (ty, default) {
        (Type::Text, Value::Text(text)) if !text.is_empty() => {
            Ok(format!("r.textOr({})", string(text)))
        }
        (Type::Data, Value::Data(bytes)) if !bytes.is_empty() => {
            Ok(format!("r.dataOr(() => {})", data(bytes)))
        }
        _ => decode_element(names, ty, site),
    }
}

/// An expression for what is behind the next pointer.
fn decode_element(names: &Names<'_>, ty: &Type, site: Site) -> Result<String, Error> {
    if let Some(descriptor) = at_run_time(names, ty, site)? {
        return Ok(format!("$.take(r, {descriptor})"));
    }
    Ok(match ty {
        Type::Text => "r.text()".to_owned(),
        Type::Data => "r.data()".to_owned(),
        Type::Interface { id, .. } => format!("r.cap({})", names.value(*id)?),
        Type::AnyPointer(AnyPointer::Capability) => "r.cap($.Capability)".to_owned(),
        Type::AnyPointer(_) => "$.decodeAny(r)".to_owned(),
        Type::Struct { id, .. } => {
            format!(
                "(q = r.next()) === 0 ? void 0 : {}(r, q)",
                function(names, "decode", *id)?
            )
        }
        Type::List(element) => match &**element {
            Type::Void => "r.voids()".to_owned(),
            Type::Bool => "r.bools()".to_owned(),
            Type::Text => "r.texts()".to_owned(),
            Type::Data => "r.datas()".to_owned(),
            Type::Enum { id, .. } => format!("r.enums({})", names.value(*id)?),
            Type::Interface { id, .. } => format!("r.caps({})", names.value(*id)?),
            Type::Struct { id, .. } => {
                names.note_list(*id);
                format!("decodeList${}(r)", list_name(names, *id)?)
            }
            Type::AnyPointer(AnyPointer::Capability) => "r.caps($.Capability)".to_owned(),
            Type::AnyPointer(_) => "r.each($.decodeAny)".to_owned(),
            inner @ Type::List(_) => {
                format!("r.each((r) => {})", decode_element(names, inner, site)?)
            }
            number => match scalar(number) {
                Some(scalar) => format!("r.{}s()", scalar.method),
                None => "void 0".to_owned(),
            },
        },
        _ => "void 0".to_owned(),
    })
}

/// The descriptor of a type that has type arguments or is a parameter: such values are written and
/// read by what the descriptor says at run time.
fn at_run_time(names: &Names<'_>, ty: &Type, site: Site) -> Result<Option<String>, Error> {
    if !names.is_open(ty, site) {
        return Ok(None);
    }
    Ok(Some(match names.parameter_at(ty, site) {
        Some(parameter) => parameter,
        None => names.once(names.descriptor(ty, site)?),
    }))
}

pub(super) fn is_void(field: &Field) -> bool {
    matches!(&field.kind, FieldKind::Slot { ty: Type::Void, .. })
}

/// A struct's function, of this module or of another's descriptor.
pub(super) fn function(names: &Names<'_>, which: &str, id: u64) -> Result<String, Error> {
    if names.is_local(id)? {
        Ok(format!("{which}${}", names.flat(id)?))
    } else {
        Ok(format!("{}.$.{which}", names.value(id)?))
    }
}

/// Functions for lists are made in every module that needs them, also for structs of other modules.
pub(super) fn list_name(names: &Names<'_>, id: u64) -> Result<String, Error> {
    if names.is_local(id)? {
        names.flat(id)
    } else {
        Ok(names.value(id)?.replace('.', "$"))
    }
}
