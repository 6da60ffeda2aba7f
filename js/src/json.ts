import { isBytes } from "./buffers.js";
import type { EnumDescriptor, StructDescriptor } from "./seam/descriptor.js";
import { ANY, BOOL, CAP, DATA, type Element, ENUM, F32, F64, type Field, GROUP, I64, LIST, STRUCT, TEXT, U64, VOID } from "./seam/fields.js";
import { wrong } from "./seam/writer.js";

/** What `JSON.stringify` takes and `JSON.parse` gives. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

type Values = Readonly<Record<string, unknown>>;

/**
 * A value as JSON has it, to be given to `JSON.stringify`, in the forms of the C++ implementation's JSON codec, less the annotations of
 * `/capnp/compat/json.capnp`. Fields are spelled as in the schema; of a union there is the member that is set. 64-bit integers become strings, Data an array of its bytes, enumerants
 * their names, Void null; infinities and NaN become strings. Text, data, lists and structs that are not there are left out. Takes
 * what `decode` gives and `encode` takes, views and builders.
 *
 * @throws TypeError naming the field when the value does not fit the type, or JSON has nothing for it: capabilities
 * and AnyPointers.
 */
export function toJSON<In, View, Builder>(type: StructDescriptor<unknown, In, View, Builder>, value: In | View | Builder): JsonObject {
  return toElement({ type: STRUCT, of: type }, value, type.$.name) as JsonObject;
}

/**
 * The value that JSON stands for, to be given to `encode`: the reverse of `toJSON`. Takes what `JSON.parse` gives. What is
 * left out or null keeps its default; names that the type does not have are ignored.
 *
 * @throws TypeError naming the field when the JSON does not fit the type.
 */
export function fromJSON<In>(type: StructDescriptor<unknown, In>, json: unknown): In {
  return fromElement({ type: STRUCT, of: type }, json, type.$.name) as In;
}

function toMembers(fields: readonly Field[], tagAt: number | undefined, values: unknown, path: string): JsonObject {
  if (typeof values !== "object" || values === null || isBytes(values)) throw wrong(path, "an object with the fields by name", values);
  const which = tagAt === undefined ? undefined : ((values as Values)["which"] ?? 0);
  const json: JsonObject = {};
  for (const field of fields) {
    if (field.tag !== undefined && field.name !== which && field.tag !== which) continue;
    const found = toField(field, (values as Values)[field.name], `${path}.${field.name}`);
    // The member that is set is there even if it is null, unless it is the first: then it goes without saying.
    if (found !== undefined) json[field.schemaName ?? field.name] = found;
    else if (field.tag) json[field.schemaName ?? field.name] = null;
  }
  return json;
}

function toField(field: Field, value: unknown, path: string): Json | undefined {
  if (field.type === GROUP) return toMembers(field.fields?.() ?? [], field.tagAt, value ?? {}, path);
  if (value != null) return toElement(field, value, path);
  return field.type > ENUM ? undefined : toElement(field, field.or ?? zeroOf(field.type), path);
}

function toElement(element: Element, value: unknown, path: string): Json {
  const { type, of } = element;
  switch (type) {
    case VOID:
      return null;
    case BOOL:
      if (typeof value !== "boolean") throw wrong(path, "a boolean", value);
      return value;
    case I64:
    case U64:
      if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw wrong(path, "a bigint or a safe integer", value);
      return String(value);
    case F32:
    case F64:
      if (typeof value !== "number") throw wrong(path, "a number", value);
      return Number.isFinite(value) ? value : String(value);
    case ENUM:
      if (typeof value === "string") return value;
      if (typeof value !== "number") throw wrong(path, "an enumerant", value);
      return (of as EnumDescriptor).$.names[value] ?? value;
    case TEXT:
      if (value == null) return "";
      if (typeof value !== "string") throw wrong(path, "a string", value);
      return value;
    case DATA:
      if (value == null) return [];
      if (!isBytes(value)) throw wrong(path, "a Uint8Array", value);
      return Array.from(value);
    case STRUCT: {
      const { $: info } = of as StructDescriptor;
      return toMembers(info.fields(), info.tagAt, value ?? {}, path);
    }
    case LIST:
      if (value == null) return [];
      if (typeof value !== "object") throw wrong(path, "an array", value);
      return Array.from(value as ArrayLike<unknown>, (each, i) => toElement(of as Element, each, `${path}[${i}]`));
    case CAP:
    case ANY:
      throw new TypeError(`${path}: there is no JSON for ${type === CAP ? "a capability" : "an AnyPointer"}`);
    default:
      if (typeof value !== "number") throw wrong(path, "a number", value);
      return value;
  }
}

function fromMembers(fields: readonly Field[], json: unknown, path: string): Values {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrong(path, "an object", json);
  const values: Record<string, unknown> = {};
  for (const field of fields) {
    const name = field.schemaName ?? field.name;
    if (!Object.hasOwn(json, name)) continue;
    if (field.tag !== undefined) {
      if (values["which"] !== undefined) {
        throw new TypeError(`${path}: both ${values["which"]} and ${field.name} are there, but a union has only one member`);
      }
      values["which"] = field.name;
    }
    const found = (json as Values)[name];
    // A null says of a member of a union that it is the one.
    if (found === null) continue;
    const there = `${path}.${field.name}`;
    values[field.name] = field.type === GROUP ? fromMembers(field.fields?.() ?? [], found, there) : fromElement(field, found, there);
  }
  return values;
}

function fromElement(element: Element, json: unknown, path: string): unknown {
  const { type, of } = element;
  switch (type) {
    case VOID:
      return undefined;
    case BOOL:
    case TEXT:
    case ENUM:
      // Encoding them tells what is wrong with them, if anything is.
      return json;
    case I64:
    case U64:
      if (typeof json === "number") return json;
      if (typeof json === "string" && /^-?\d+$/.test(json)) return BigInt(json);
      throw wrong(path, "an integer, as a string or a number", json);
    case DATA:
      if (!Array.isArray(json) || !json.every((byte) => (byte & 0xff) === byte)) throw wrong(path, "an array of bytes", json);
      return Uint8Array.from(json);
    case STRUCT:
      return fromMembers((of as StructDescriptor).$.fields(), json, path);
    case LIST:
      if (!Array.isArray(json)) throw wrong(path, "an array", json);
      return json.map((each, i) => fromElement(of as Element, each, `${path}[${i}]`));
    case CAP:
    case ANY:
      throw new TypeError(`${path}: there is no JSON for ${type === CAP ? "a capability" : "an AnyPointer"}`);
    default: {
      const number = typeof json === "string" && NUMBER.test(json) ? Number(json) : json;
      if (typeof number !== "number") throw wrong(path, "a number", json);
      return number;
    }
  }
}

/** Numbers as strings, which JSON has to use for the last ones. */
const NUMBER = /^(-?\d+(\.\d+)?(e[+-]?\d+)?|-?Infinity|NaN)$/i;

function zeroOf(type: number): unknown {
  if (type === BOOL) return false;
  return type === I64 || type === U64 ? 0n : 0;
}
