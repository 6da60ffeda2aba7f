import { isObject } from "../objects.js";
import { encode } from "../message.js";
import { type AnyPointerInput, encodeAny } from "../seam/any.js";
import { type EnumDescriptor, type InterfaceDescriptor, struct, type StructDescriptor } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { refresh, wasm } from "./memory.js";
import { elementOf } from "../seam/types.js";
import type { Writer } from "../seam/writer.js";
import { elementAt, elementPlace, elementSlot, type ListPlace, nameOf, sameType } from "./behind.js";
import { listOf, ListView } from "./lists.js";
import {
  behind,
  isPart,
  live,
  make,
  NO_LIMIT,
  NONE,
  NOTHING,
  type OpenMessage,
  openTrusted,
  part,
  type Place,
  refused,
} from "./place.js";
import { writeBool, writeScalar } from "./scalars.js";
import { shapeOf, Struct } from "./struct.js";
import { setData, setText } from "./text.js";

/*
 * Values into pointers of a message under construction. Views and builders are copied in wasm, with whatever a newer
 * schema has put into them; plain values are encoded beside the message and then copied.
 */

/** Sets the pointer at `slot` to a value of the type; null and undefined make it null. */
export function setPointer(message: OpenMessage, slot: number, element: types.Element, value: unknown, name: string): void {
  live(message);
  if (value === undefined || value === null) return make(message, slot, NOTHING, 0, 0, name);
  switch (element.type) {
    case types.TEXT:
      return setText(message, slot, value, name);
    case types.DATA:
      return setData(message, slot, value, name);
    case types.STRUCT:
      if (Struct.is(value)) return copyPart(message, slot, ownPlace(value, element, name), name);
      break;
    case types.LIST:
      if (ListView.is(value)) return copyPart(message, slot, ownList(value, element, name), name);
      break;
    case types.ANY:
      return setAny(message, slot, value as AnyPointerInput, name);
  }
  setPlain(message, slot, element, value, name);
}

/** Sets an element of a list. */
export function setElement(list: ListPlace, index: number, value: unknown): void {
  const { message } = list;
  const { element, name } = list.kind;
  if (element.type === types.BOOL) return writeBool(message, list.address, index, value, false, name);
  if (element.type <= types.ENUM) return writeScalar(message, elementAt(list, index), value, element, undefined, name);
  if (element.type !== types.STRUCT) return setPointer(message, elementSlot(list, index), element, value, name);
  const to = elementPlace(list, index);
  if (Struct.is(value)) return fillStruct(to, ownPlace(value, element, name), name);
  withEncoded(element, value, name, (encoded) => fillStruct(to, behind(encoded, encoded.root + 8, NO_LIMIT), name));
}

// ---- copies ----

function ownPlace(value: Struct, element: types.Element, name: string): Place {
  const shape = shapeOf(value);
  const wanted = (element.of as StructDescriptor).$;
  if (shape.type !== wanted) throw new TypeError(`${name}: expected ${wanted.name}, got a ${shape.name}`);
  return value[part]();
}

function ownList(value: ListView, element: types.Element, name: string): Place {
  const found = listOf(value).kind.element;
  if (sameType(found, element.of as types.Element)) return value[part]();
  throw new TypeError(`${name}: expected ${nameOf(element)}, got a List(${nameOf(found)})`);
}

/** Copies a part of a message. */
export function copyPart(message: OpenMessage, slot: number, from: Place, name: string): void {
  if (from.address === 0) make(message, slot, NOTHING, 0, 0, name);
  else copy(message, slot, NONE, from, name);
}

/** Copies a struct's content into one that is there. */
function fillStruct({ message, address, dataBytes, pointers }: Place, from: Place, name: string): void {
  copy(message, address, (dataBytes >>> 3) | (pointers << 16), from, name);
}

function copy(to: OpenMessage, toAddress: number, toSize: number, from: Place, name: string): void {
  const { message, address, nesting, dataBytes, pointers } = from;
  live(to);
  live(message);
  if (wasm.message_copy(to.id, toAddress, toSize, message.id, address, nesting, dataBytes, pointers) !== 0) throw refused(name);
  refresh();
}

// ---- any pointers ----

function setAny(message: OpenMessage, slot: number, value: AnyPointerInput, name: string): void {
  if (isPart(value)) return copyPart(message, slot, value[part](), name);
  if (isObject(value) && "type" in value) {
    return setPointer(message, slot, elementOf(value.type), value.value, name);
  }
  setPlain(message, slot, ANYTHING, value, name);
}

const ANYTHING: types.Element = { type: types.ANY };

// ---- plain values ----

function setPlain(message: OpenMessage, slot: number, element: types.Element, value: unknown, name: string): void {
  withEncoded(element, value, name, (encoded) => {
    copyPart(message, slot, behind(encoded, encoded.root + 8, NO_LIMIT), name);
  });
}

/** Encodes a value behind the only pointer of a struct, which starts a word behind the root pointer. */
function withEncoded(element: types.Element, value: unknown, name: string, use: (encoded: OpenMessage) => void): void {
  const bytes = encode(holderOf(element, name), { "": value });
  const encoded = openTrusted(bytes, name);
  try {
    use(encoded);
  } finally {
    wasm.message_close(encoded.id);
  }
}

/** Without a name of its own for the value, which would stand in errors. */
interface Holder {
  readonly "": unknown;
}

const holders = new WeakMap<types.Element, StructDescriptor<unknown, Holder>>();

function holderOf(element: types.Element, name: string): StructDescriptor<unknown, Holder> {
  let holder = holders.get(element);
  if (holder === undefined) {
    holder = struct<unknown, Holder, unknown, unknown>({
      id: 0n,
      name,
      dataWords: 0,
      pointers: 1,
      encode: (writer, address, held) => put(writer, address, held[""], element, "value"),
      decode: () => undefined,
      fields: () => [{ type: element.type, of: element.of as StructDescriptor, name: "", at: 0 }],
    });
    holders.set(element, holder);
  }
  return holder;
}

function put(writer: Writer, pointer: number, value: unknown, { type, of }: types.Element, field: string): void {
  switch (type) {
    case types.TEXT:
      return writer.text(pointer, value as string, field);
    case types.DATA:
      return writer.data(pointer, value as Uint8Array, field);
    case types.STRUCT: {
      const { dataWords, pointers, encode } = (of as StructDescriptor).$;
      return encode(writer, writer.struct(pointer, dataWords, pointers, value, field), value);
    }
    case types.LIST:
      return putList(writer, pointer, value as ArrayLike<never>, of as types.Element, field);
    case types.CAP:
      return writer.cap(pointer, value, of as InterfaceDescriptor, field);
    default:
      encodeAny(writer, pointer, value as AnyPointerInput, field);
  }
}

/** How lists of scalars are written, by type; but for ENUM. */
const SCALARS = ["voids", "bools", "i8s", "u8s", "i16s", "u16s", "i32s", "u32s", "i64s", "u64s", "f32s", "f64s"] as const;

function putList(writer: Writer, pointer: number, values: ArrayLike<never>, element: types.Element, field: string): void {
  const scalars = SCALARS[element.type];
  if (scalars !== undefined) return writer[scalars](pointer, values, field);
  switch (element.type) {
    case types.ENUM:
      return writer.enums(pointer, values, element.of as EnumDescriptor, field);
    case types.STRUCT: {
      const { dataWords, pointers, encode } = (element.of as StructDescriptor).$;
      let at = writer.structs(pointer, dataWords, pointers, values, field);
      for (let i = 0, n = writer.count; i < n; i++, at += (dataWords + pointers) * 8) encode(writer, at, writer.group(values[i], field));
      return;
    }
    default:
      writer.each(pointer, values, (writer, pointer, value, field) => put(writer, pointer, value, element, field), field);
  }
}
