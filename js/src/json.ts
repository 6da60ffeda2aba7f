import { behind, zeroOf } from "./absent.js";
import { isBytes } from "./buffers.js";
import type { EnumDescriptor, StructDescriptor } from "./seam/descriptor.js";
import { ANY, BOOL, CAP, DATA, type Element, ENUM, F32, F64, type Field, GROUP, I64, isPointer, type JsonRules, LIST, STRUCT, TEXT, U64, VOID } from "./seam/fields.js";
import { wrong } from "./seam/writer.js";
import { has } from "./symbols.js";

/** What `JSON.stringify` takes and `JSON.parse` gives. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
/** An object of JSON. */
export type JsonObject = { [name: string]: Json };

type Values = Readonly<Record<string, unknown>>;
type Bytes = JsonRules["bytes"];
/** A struct or a group. */
type Whole = Pick<Field, "fields" | "json"> | StructDescriptor["$"];
type Member = [name: string, json: Json];

/**
 * A value as JSON has it, to be given to `JSON.stringify`, by the rules of the C++ implementation, which writes the same of the message
 * that `encode` makes of the value. Fields are called as in the schema, in the order of their numbers; of a union there is
 * the member that is set. 64-bit integers become strings, Data an array of its bytes, enumerants their names, Void null;
 * infinities and NaN become strings. Text, data, lists and structs that are not there are left out. The annotations of
 * `/capnp/compat/json.capnp` are honoured. Takes what `decode` gives and `encode` takes, views and builders: those know of text,
 * data and lists whether they are null or empty, which objects do not.
 *
 * @throws TypeError naming the field when the value does not fit the type, or JSON has nothing for it: capabilities
 * and AnyPointers.
 */
export function toJSON<In, View, Builder>(type: StructDescriptor<unknown, In, View, Builder>, value: In | View | Builder): JsonObject {
  return toObject((type as StructDescriptor).$, value, type.$.name);
}

/**
 * The value that JSON stands for, to be given to `encode`: the reverse of `toJSON`. Takes what `JSON.parse` gives. What is
 * left out or null keeps its default; names that the type does not have are ignored.
 *
 * @throws TypeError naming the field when the JSON does not fit the type, or has two members of one union.
 */
export function fromJSON<In>(type: StructDescriptor<unknown, In>, json: unknown): In {
  return fromObject((type as StructDescriptor).$, json, type.$.name) as In;
}

/** As JSON calls it. */
function nameOf({ json, schemaName, name }: Field): string {
  return json?.name ?? schemaName ?? name;
}

/** The struct or group that a field holds. */
function wholeOf(field: Field): Whole {
  return field.type === GROUP ? field : (field.of as StructDescriptor).$;
}

function isWhole({ type }: Element): boolean {
  return type === GROUP || type === STRUCT;
}

const ordered = new WeakMap<object, { readonly always: readonly Field[]; readonly members: readonly Field[] }>();

/** In the order of the ordinals. */
function fieldsOf(whole: Whole): { readonly always: readonly Field[]; readonly members: readonly Field[] } {
  let found = ordered.get(whole);
  if (found === undefined) {
    const places = (whole.fields?.() ?? []).map((field, place) => ({ field, nth: field.nth ?? place }));
    const fields = places.sort((a, b) => a.nth - b.nth).map(({ field }) => field);
    found = { always: fields.filter(({ tag }) => tag === undefined), members: fields.filter(({ tag }) => tag !== undefined) };
    ordered.set(whole, found);
  }
  return found;
}

// ---- to JSON ----

function toObject(whole: Whole, value: unknown, path: string): JsonObject {
  const members: Member[] = [];
  putMembers(whole, value, "", path, members);
  // Unlike assignments, this has no say in what an object inherits from.
  return Object.fromEntries(members);
}

/** `prefix` stands in front of all names, where the struct or group is flattened. */
function putMembers(whole: Whole, values: unknown, prefix: string, path: string, out: Member[]): void {
  if (typeof values !== "object" || values === null || isBytes(values)) throw wrong(path, "an object with the fields by name", values);
  const { always, members } = fieldsOf(whole);
  const isThere = (values as { readonly [has]?: (pointer: number) => boolean })[has];
  for (const field of always) {
    const value = (values as Values)[field.name];
    if (isPointer(field.type) && (isThere === undefined ? value == null : !isThere.call(values, field.at))) continue;
    putField(field, value, nameOf(field), prefix, path, out);
  }
  if (members.length === 0) return;
  const which = (values as Values)["which"] ?? 0;
  const held = members.find(({ name, tag }) => name === which || tag === which);
  if (held === undefined) {
    // A number is a member that this version of the schema does not know.
    if (typeof which !== "number") throw wrong(`${path}.which`, `one of ${members.map(({ name }) => name).join(", ")}`, which);
    return;
  }
  const rules = whole.json;
  if (rules?.which !== undefined) {
    out.push([prefix + rules.which, nameOf(held)]);
    if (held.type === VOID) return;
  }
  putField(held, (values as Values)[held.name], rules?.value ?? nameOf(held), prefix, path, out);
}

function putField(field: Field, value: unknown, name: string, prefix: string, parent: string, out: Member[]): void {
  const { flatten, bytes } = field.json ?? {};
  const path = `${parent}.${field.name}`;
  const found = value ?? absent(field);
  if (found === undefined && field.type === STRUCT) return putAbsent(field, name, prefix, parent, out);
  if (flatten !== undefined && isWhole(field)) putMembers(wholeOf(field), found, prefix + flatten, path, out);
  else out.push([prefix + name, toElement(field, found, bytes, path)]);
}

/** As many as there may be pointers within each other in a message. */
const MAX_ABSENT = 64;
/** How many structs on the way are not there: their JSON is that of their defaults. */
let absents = 0;

function putAbsent(field: Field, name: string, prefix: string, parent: string, out: Member[]): void {
  if (absents === MAX_ABSENT) {
    const path = `${parent.split(".").slice(0, 8).join(".")}.${field.name}`;
    throw new TypeError(`${path}: the defaults of unions that are not set hold each other, so that their JSON has no end`);
  }
  absents++;
  try {
    putField(field, {}, name, prefix, parent, out);
  } finally {
    absents--;
  }
}

/** What is read where the value of a field is left out. */
function absent(field: Field): unknown {
  const { type, or } = field;
  if (or !== undefined && (type === STRUCT || type === LIST)) return behind(field, field.name, or as Uint8Array);
  return or ?? (type <= ENUM ? zeroOf(type) : undefined);
}

function toElement(element: Element, value: unknown, bytes: Bytes, path: string): Json {
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
    case F64: {
      if (typeof value !== "number") throw wrong(path, "a number", value);
      const kept = type === F32 ? Math.fround(value) : value;
      return Number.isFinite(kept) ? kept : String(kept);
    }
    case ENUM: {
      const { json, names, ordinals } = (of as EnumDescriptor).$;
      const ordinal = typeof value === "string" ? ordinals.get(value) : value;
      if (typeof ordinal !== "number") throw wrong(path, "an enumerant", value);
      return (json ?? names)[ordinal] ?? ordinal;
    }
    case TEXT:
      if (value == null) return "";
      if (typeof value !== "string") throw wrong(path, "a string", value);
      return value;
    case DATA:
      if (value != null && !isBytes(value)) throw wrong(path, "a Uint8Array", value);
      return fromBytes((value as Uint8Array | null | undefined) ?? new Uint8Array(0), bytes);
    case GROUP:
    case STRUCT:
      return toObject(wholeOf(element as Field), value ?? {}, path);
    case LIST:
      if (value == null) return [];
      if (typeof value !== "object") throw wrong(path, "an array", value);
      return Array.from(value as ArrayLike<unknown>, (each, i) => toElement(of as Element, each, bytes, `${path}[${i}]`));
    case CAP:
    case ANY:
      throw new TypeError(`${path}: there is no JSON for ${type === CAP ? "a capability" : "an AnyPointer"}`);
    default:
      if (typeof value !== "number") throw wrong(path, "a number", value);
      return value;
  }
}

function fromBytes(data: Uint8Array, bytes: Bytes): Json {
  if (bytes === undefined) return Array.from(data);
  if (bytes === "hex") return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
}

// ---- from JSON ----

function fromObject(whole: Whole, json: unknown, path: string): Values {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrong(path, "an object", json);
  return takeMembers(whole, json as Values, "", path);
}

function takeMembers(whole: Whole, json: Values, prefix: string, path: string): Values {
  const values: Record<string, unknown> = {};
  const { always, members } = fieldsOf(whole);
  for (const field of always) takeField(field, nameOf(field), false);
  const { which, value: valueName } = whole.json ?? {};
  const said = which === undefined ? undefined : own(json, prefix + which);
  const held = members.find((field) => nameOf(field) === said);
  if (held !== undefined) takeField(held, valueName ?? nameOf(held), true);
  else if (valueName === undefined) for (const field of members) takeField(field, nameOf(field), false);
  return values;

  /** `isHeld`: the JSON says of a member of a union that it is the one, whether it is there or not. */
  function takeField(field: Field, name: string, isHeld: boolean): void {
    const there = `${path}.${field.name}`;
    const isMember = field.tag !== undefined;
    const flatten = field.json?.flatten;
    if (flatten !== undefined && isWhole(field)) {
      const whole = wholeOf(field);
      // A member of a union that has no name in JSON needs to be said.
      if (!isHeld && (isMember || (field.type === STRUCT && !hasMembers(whole, json, prefix + flatten)))) return;
      hold(field);
      values[field.name] = takeMembers(whole, json, prefix + flatten, there);
      return;
    }
    const found = own(json, prefix + name);
    // Of a Void, its name is all that can be there.
    if (found == null && !isHeld && !(isMember && field.type === VOID && found === null)) return;
    hold(field);
    if (found == null) return;
    values[field.name] = field.type === GROUP ? fromObject(field, found, there) : fromElement(field, found, field.json?.bytes, there);
  }

  function hold({ name, tag }: Field): void {
    if (tag === undefined) return;
    if (values["which"] !== undefined) {
      throw new TypeError(`${path}: both ${values["which"]} and ${name} are there, but a union has only one member`);
    }
    values["which"] = name;
  }
}

/** Whether a flattened struct has any of its members there: it is null otherwise. */
function hasMembers(whole: Whole, json: Values, prefix: string): boolean {
  const { always, members } = fieldsOf(whole);
  const which = whole.json?.which;
  return (
    (which !== undefined && Object.hasOwn(json, prefix + which)) ||
    [...always, ...members].some((field) => field.json?.flatten !== undefined || Object.hasOwn(json, prefix + nameOf(field)))
  );
}

function own(json: Values, name: string): unknown {
  return Object.hasOwn(json, name) ? json[name] : undefined;
}

function fromElement(element: Element, json: unknown, bytes: Bytes, path: string): unknown {
  const { type, of } = element;
  switch (type) {
    case VOID:
      return undefined;
    case BOOL:
    case TEXT:
      // Encoding them tells what is wrong with them, if anything is.
      return json;
    case ENUM: {
      const { json: renamed, names } = (of as EnumDescriptor).$;
      if (renamed === undefined || typeof json !== "string") return json;
      const ordinal = renamed.indexOf(json);
      if (ordinal < 0) throw wrong(path, `one of ${renamed.join(", ")}`, json);
      return names[ordinal];
    }
    case I64:
    case U64:
      if (typeof json === "number") return json;
      if (typeof json === "string" && /^-?\d+$/.test(json)) return BigInt(json);
      throw wrong(path, "an integer, as a string or a number", json);
    case DATA:
      return toBytes(json, bytes, path);
    case STRUCT:
      return fromObject((of as StructDescriptor).$, json, path);
    case LIST: {
      if (!Array.isArray(json)) throw wrong(path, "an array", json);
      const inner = of as Element;
      return json.map((each, i) => (each === null && isPointer(inner.type) ? nothing(inner) : fromElement(inner, each, bytes, `${path}[${i}]`)));
    }
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

/** What null means in a list. */
function nothing({ type }: Element): unknown {
  if (type === TEXT) return "";
  if (type === DATA) return new Uint8Array(0);
  if (type === STRUCT) return {};
  return type === LIST ? [] : undefined;
}

function toBytes(json: unknown, bytes: Bytes, path: string): Uint8Array {
  if (bytes === undefined) {
    if (!Array.isArray(json) || !json.every((byte) => (byte & 0xff) === byte)) throw wrong(path, "an array of bytes", json);
    return Uint8Array.from(json);
  }
  if (bytes === "hex") {
    if (typeof json !== "string" || !/^([0-9a-f]{2})*$/i.test(json)) throw wrong(path, "pairs of hexadecimal digits", json);
    return Uint8Array.from(json.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  if (typeof json !== "string" || !BASE64.test(json)) throw wrong(path, "Base64, with padding", json);
  return Uint8Array.from(atob(json), (char) => char.charCodeAt(0));
}

/** Numbers as strings, which JSON has to use for the last ones. */
const NUMBER = /^(-?\d+(\.\d+)?(e[+-]?\d+)?|-?Infinity|NaN)$/i;
/** With no bits beyond the last byte, which would be lost. */
const BASE64 = /^([A-Za-z\d+/]{4})*([A-Za-z\d+/][AQgw]==|[A-Za-z\d+/]{2}[AEIMQUYcgkosw048]=)?$/;
