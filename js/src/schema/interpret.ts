import { typeOf } from "../absent.js";
import { AnyPointer, decodeAny, encodeAny } from "../seam/any.js";
import type { EnumDescriptor, StructDescriptor } from "../seam/descriptor.js";
import * as codes from "../seam/fields.js";
import type { Reader } from "../seam/reader.js";
import { type PointerType, put, take } from "../seam/types.js";
import type { Writer } from "../seam/writer.js";

/*
 * Encoders and decoders made of a struct's table of fields, for types that have no generated code. They do what
 * generated code does, field by field and in the same order.
 */

export type Values = Readonly<Record<string, unknown>>;
type Encode = (writer: Writer, address: number, value: Values) => void;
type Decode = (reader: Reader, address: number, out: Record<string, unknown>) => void;
/** What absent pointers with a default are read as, decoded beforehand. */
export type Defaults = (field: codes.Field) => unknown;

const scratch = new DataView(new ArrayBuffer(8));

/** Writes a struct with these fields, whose data section has so many bytes. */
export function encoderOf(fields: readonly codes.Field[], tagAt: number | undefined, dataBytes: number): Encode {
  const always: Encode[] = [];
  const members = new Map<unknown, Encode>();
  const names: string[] = [];
  for (const field of fields) {
    const encode = fieldEncoder(field, dataBytes);
    if (field.tag === undefined) {
      always.push(encode);
      continue;
    }
    const { tag } = field;
    names.push(field.name);
    members.set(field.name, (writer, address, value) => {
      writer.view.setUint16(address + (tagAt as number), tag, true);
      encode(writer, address, value);
    });
  }
  if (tagAt === undefined) return (writer, address, value) => always.forEach((encode) => encode(writer, address, value));
  // A union that is not spoken of holds its first member, which so need not be refused.
  const unspoken = names.filter((name) => fields.find((field) => field.name === name)?.type !== codes.VOID);
  return (writer, address, value) => {
    for (const encode of always) encode(writer, address, value);
    const { which } = value;
    if (which === undefined) writer.untagged(value, unspoken);
    else {
      const encode = members.get(which);
      if (encode === undefined) writer.tag(address + tagAt, which, "which");
      else encode(writer, address, value);
    }
  };
}

function fieldEncoder(field: codes.Field, dataBytes: number): Encode {
  const { name, type } = field;
  if (type === codes.GROUP) {
    const encode = encoderOf(field.fields?.() ?? [], field.tagAt, dataBytes);
    return (writer, address, value) => {
      const group = value[name];
      if (group != null) encode(writer, address, writer.group(group, name) as Values);
    };
  }
  const write = type === codes.VOID ? () => undefined : codes.isPointer(type) ? pointerWriter(field, dataBytes) : scalarWriter(field);
  return (writer, address, value) => {
    const x = value[name];
    if (x != null) write(writer, address, x);
  };
}

function pointerWriter(field: codes.Field, dataBytes: number): (writer: Writer, address: number, value: unknown) => void {
  const at = dataBytes + field.at * 8;
  const { name } = field;
  if (field.type === codes.ANY) return (writer, address, value) => encodeAny(writer, address + at, value as AnyPointer, name);
  const type = typeOf(field) as PointerType;
  return (writer, address, value) => put(writer, address + at, value, type, name);
}

function scalarWriter(field: codes.Field): (writer: Writer, address: number, value: unknown) => void {
  const { at, name, of } = field;
  const [low, high] = bitsOf(field);
  switch (field.type) {
    case codes.BOOL: {
      const mask = 1 << (at & 7);
      return (w, p, x) => {
        w.bool(p + (at >> 3), mask, x as boolean, name);
        if (field.or === true) w.xor8(p + (at >> 3), mask);
      };
    }
    case codes.I8:
      return (w, p, x) => (w.i8(p + at, x as number, name), w.xor8(p + at, low));
    case codes.U8:
      return (w, p, x) => (w.u8(p + at, x as number, name), w.xor8(p + at, low));
    case codes.I16:
      return (w, p, x) => (w.i16(p + at, x as number, name), w.xor16(p + at, low));
    case codes.U16:
      return (w, p, x) => (w.u16(p + at, x as number, name), w.xor16(p + at, low));
    case codes.I32:
      return (w, p, x) => (w.i32(p + at, x as number, name), w.xor32(p + at, low));
    case codes.U32:
      return (w, p, x) => (w.u32(p + at, x as number, name), w.xor32(p + at, low));
    case codes.I64:
      return (w, p, x) => (w.i64(p + at, x as bigint, name), w.xor64(p + at, low, high));
    case codes.U64:
      return (w, p, x) => (w.u64(p + at, x as bigint, name), w.xor64(p + at, low, high));
    case codes.F32:
      return (w, p, x) => (w.f32(p + at, x as number, name), w.xor32(p + at, low));
    case codes.F64:
      return (w, p, x) => (w.f64(p + at, x as number, name), w.xor64(p + at, low, high));
    default:
      return (w, p, x) => (w.enum(p + at, x as string, of as EnumDescriptor, name), w.xor16(p + at, low));
  }
}

/** Reads a struct with these fields into an object. */
export function decoderOf(fields: readonly codes.Field[], tagAt: number | undefined, defaults: Defaults): Decode {
  const always: Decode[] = [];
  const members = new Map<number, { readonly name: string; readonly decode: Decode }>();
  for (const field of fields) {
    const decode = fieldDecoder(field, defaults);
    if (field.tag === undefined) always.push(decode);
    else members.set(field.tag, { name: field.name, decode });
  }
  return (reader, address, out) => {
    for (const decode of always) decode(reader, address, out);
    if (tagAt === undefined) return;
    const tag = reader.view.getUint16(address + tagAt, true);
    const member = members.get(tag);
    out["which"] = member?.name ?? tag;
    member?.decode(reader, address, out);
  };
}

function fieldDecoder(field: codes.Field, defaults: Defaults): Decode {
  const { name, type } = field;
  if (type === codes.GROUP) {
    const decode = decoderOf(field.fields?.() ?? [], field.tagAt, defaults);
    return (reader, address, out) => {
      const group = {};
      decode(reader, address, group);
      out[name] = group;
    };
  }
  // A member of a union that is Void has nothing to say but that it is held.
  if (type === codes.VOID) return field.tag === undefined ? (_reader, _address, out) => void (out[name] = undefined) : () => undefined;
  const read = codes.isPointer(type) ? pointerReader(field, defaults) : scalarReader(field);
  return (reader, address, out) => void (out[name] = read(reader, address));
}

function pointerReader(field: codes.Field, defaults: Defaults): (reader: Reader, address: number) => unknown {
  const { or } = field;
  if (or === undefined) {
    if (field.type === codes.ANY) return decodeAny;
    const type = typeOf(field) as PointerType;
    return (reader) => take(reader, type);
  }
  switch (field.type) {
    case codes.TEXT:
      return (reader) => reader.textOr(or as string);
    case codes.DATA:
      return (reader) => reader.dataOr(() => (or as Uint8Array).slice());
    case codes.ANY:
      return (reader) => decodeAny(reader) ?? new AnyPointer(or as Uint8Array);
    case codes.LIST: {
      const type = typeOf(field) as PointerType;
      return (reader) => (reader.absent() ? defaults(field) : take(reader, type));
    }
    default: {
      const type = field.of as StructDescriptor;
      return (reader) => take(reader, type) ?? defaults(field);
    }
  }
}

function scalarReader(field: codes.Field): (reader: Reader, address: number) => unknown {
  const { at, of } = field;
  const [low, high] = bitsOf(field);
  switch (field.type) {
    case codes.BOOL: {
      const mask = 1 << (at & 7);
      const isSet = field.or !== true;
      return ({ view }, p) => ((view.getUint8(p + (at >> 3)) & mask) !== 0) === isSet;
    }
    case codes.I8:
      return ({ view }, p) => view.getInt8(p + at) ^ low;
    case codes.U8:
      return ({ view }, p) => view.getUint8(p + at) ^ low;
    case codes.I16:
      return ({ view }, p) => view.getInt16(p + at, true) ^ low;
    case codes.U16:
      return ({ view }, p) => view.getUint16(p + at, true) ^ low;
    case codes.I32:
      return ({ view }, p) => view.getInt32(p + at, true) ^ low;
    case codes.U32:
      return ({ view }, p) => (view.getUint32(p + at, true) ^ low) >>> 0;
    case codes.I64: {
      const bits = BigInt((field.or as bigint | undefined) ?? 0);
      return ({ view }, p) => view.getBigInt64(p + at, true) ^ bits;
    }
    case codes.U64: {
      const bits = BigInt((field.or as bigint | undefined) ?? 0);
      return ({ view }, p) => view.getBigUint64(p + at, true) ^ bits;
    }
    case codes.F32:
      return (reader, p) => reader.f32x(p + at, low);
    case codes.F64:
      return (reader, p) => reader.f64x(p + at, low, high);
    default:
      return (reader, p) => reader.enum(reader.view.getUint16(p + at, true) ^ low, of as EnumDescriptor);
  }
}

/** The bits of a scalar's default, in two halves of 32: what is stored is the difference to them. */
function bitsOf({ type, or }: codes.Field): [low: number, high: number] {
  scratch.setBigUint64(0, 0n);
  if (type === codes.F32) scratch.setFloat32(0, Number(or ?? 0), true);
  else if (type === codes.F64) scratch.setFloat64(0, Number(or ?? 0), true);
  else if (type === codes.I64 || type === codes.U64) scratch.setBigInt64(0, BigInt((or as bigint | undefined) ?? 0), true);
  else if (type !== codes.BOOL) scratch.setInt32(0, Number(or ?? 0), true);
  return [scratch.getInt32(0, true), scratch.getInt32(4, true)];
}

