import type { StructInfo } from "./descriptor.js";
import { type Element, type Field, GROUP, LIST, STRUCT } from "./fields.js";
import { type ClientCheck, OUT_OF_ROOM, Writer } from "./writer.js";

/*
 * What is wrong with values that were to be encoded, in more words than the encoder has. Nothing here runs while all is
 * well, but for the first messages of a type.
 */

type Values = Readonly<Record<string, unknown>>;
/** A struct's or group's fields, or what a field or an element is. */
type Part = { readonly [K in "type" | "of" | "fields"]?: Field[K] | undefined };
interface Named {
  readonly name: string;
}
/** Whether a value cannot be encoded. */
type Fails = (value: unknown) => boolean;

/** Values within each other that are looked through. Those that go deeper hold themselves. */
const MAX_DEPTH = 64;
/** Ends their path. */
const ENDLESS = "…";
/** Elements of a list whose names are looked at. */
const MAX_ELEMENTS = 64;
const LONG_NAME = 8;
/** Bytes of a part of a value, encoded by itself to see whether that fails. */
const MAX_TRIAL_BYTES = 1 << 28;

/** What the encoder said of `value`, which names the field alone, with the path to the field. */
export function locate({ message }: Error, type: StructInfo, value: unknown, checkClient: ClientCheck | undefined): string {
  const path = pathIn(type, value, (part) => fails(type, part, checkClient), 0).replace(/^\.+/, "");
  if (path === "") return message;
  if (path.endsWith(ENDLESS)) return `${path.split(".").slice(0, 3).join(".")}.${ENDLESS}: ${message}; does the value hold itself?`;
  const [, parents = "", name = "", indices = ""] = /^(.*?)(\w*)((?:\[\d+\])*)$/.exec(path) ?? [];
  if (name !== "" && /^[:.]/.test(message.slice(name.length)) && message.startsWith(name)) return parents + name + indices + message.slice(name.length);
  return path + (/^\w+: /.test(message) ? "." : ": ") + message;
}

/** What leads to the first field or element that makes encoding fail; empty if none does by itself. */
function pathIn(part: Part, value: unknown, fails: Fails, depth: number): string {
  if (typeof value !== "object" || value === null) return "";
  if (depth === MAX_DEPTH) return ENDLESS;
  if (part.type === LIST) {
    const values = value as ArrayLike<unknown>;
    for (let i = 0; i < values.length; i++) {
      const inList: Fails = (element) => fails([element]);
      if (inList(values[i])) return `[${i}]${pathIn(part.of as Element, values[i], inList, depth + 1)}`;
    }
  }
  for (const field of fieldsOf(part)) {
    const { name, tag } = field;
    const held = (value as Values)[name];
    if (held == null || (tag !== undefined && (value as Values).which !== name)) continue;
    const inField: Fails = (value) => fails({ which: tag === undefined ? undefined : name, [name]: value });
    if (inField(held)) return `.${name}${pathIn(field, held, inField, depth + 1)}`;
  }
  return "";
}

function fails({ dataWords, pointers, encode }: StructInfo, value: unknown, checkClient: ClientCheck | undefined): boolean {
  const writer = new Writer();
  if (checkClient !== undefined) writer.checkClient = checkClient;
  for (let bytes = 4096; bytes <= MAX_TRIAL_BYTES; bytes *= 8) {
    try {
      const room = new Uint8Array(bytes);
      writer.begin(new DataView(room.buffer), room, 0, bytes / 8);
      encode(writer, writer.struct(writer.root(), dataWords, pointers, value, "value"), value);
      return false;
    } catch (error) {
      if (error !== OUT_OF_ROOM) return true;
    }
  }
  return false;
}

/**
 * Refuses objects with names that are nearly those of fields they lack, and objects that have other names only. Whatever else an
 * object has is its own business: a row of a table has more columns, and TypeScript allows it too.
 *
 * @throws TypeError that says which field was meant.
 */
export function checkNames(type: StructInfo, value: unknown): void {
  checkPart(type, type.name, value, "", 0);
  type.checked++;
}

/** `owner` is what has the fields, and `path` where it is, both for the error. */
export function checkPart(part: Part, owner: string, value: unknown, path: string, depth: number): void {
  if (typeof value !== "object" || value === null || depth === MAX_DEPTH) return;
  // It would be taken for an object that has none of the fields.
  if (value instanceof Promise) throw new TypeError(`${at(owner, path)}: expected an object, got a promise; await it`);
  if (part.type === LIST) {
    const values = value as ArrayLike<unknown>;
    const element = part.of as Element;
    const count = element.type < STRUCT ? 0 : Math.min(values.length, MAX_ELEMENTS);
    for (let i = 0; i < count; i++) checkPart(element, nameOf(element, owner), values[i], `${path}[${i}]`, depth + 1);
    return;
  }
  const fields = fieldsOf(part);
  // Of what is no struct at all, the encoder says so.
  if (fields.length === 0 || Array.isArray(value) || ArrayBuffer.isView(value)) return;
  const names = Object.keys(value);
  checkOwn(fields, owner, names, path);
  for (const field of fields) {
    if (field.type < STRUCT || !names.includes(field.name)) continue;
    const within = path === "" ? field.name : `${path}.${field.name}`;
    checkPart(field, nameOf(field, `${owner}.${field.name}`), (value as Values)[field.name], within, depth + 1);
  }
}

function checkOwn(fields: readonly Field[], owner: string, names: readonly string[], path: string): void {
  const others = names.filter((name) => name !== "which" && !fields.some((field) => field.name === name));
  if (others.length === 0) return;
  const missing = fields.filter(({ name }) => !names.includes(name));
  const isStranger = others.length === names.length;
  const wrong = others.find((name) => nearest(name, missing) !== undefined) ?? (isStranger ? others[0] : undefined);
  if (wrong !== undefined) throw new TypeError(`${at(owner, path)} has no field ${wrong}${meant(wrong, missing)}`);
}

function at(owner: string, path: string): string {
  return path === "" ? owner : `${owner}: ${path}`;
}

/** Refuses methods that are nearly called as those that an object lacks which is to be served, and objects that have others only. */
export function checkMethods(label: string, methods: readonly Named[], implementation: object): void {
  const names = new Set<string>();
  for (let each = implementation; each !== null && each !== Object.prototype && each !== Function.prototype; each = Object.getPrototypeOf(each) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value === "function" && name !== "constructor") names.add(name);
    }
  }
  const others = [...names].filter((name) => !methods.some((method) => method.name === name));
  const missing = methods.filter(({ name }) => !names.has(name));
  const isStranger = others.length === names.size && methods.length > 0;
  const wrong = others.find((name) => nearest(name, missing) !== undefined) ?? (isStranger ? others[0] : undefined);
  if (wrong !== undefined) throw new TypeError(`serve(): ${label} has no method ${wrong}${meant(wrong, missing)}`);
}

/** For the end of an error about a name: which name was meant, or may have been. */
export function meant(name: string, fields: readonly Named[]): string {
  const found = nearest(name, fields);
  return found === undefined ? `; it has ${fields.map((field) => field.name).join(", ")}` : `; did you mean ${found.name}?`;
}

function nearest(name: string, fields: readonly Named[]): Named | undefined {
  return fields.find((field) => isNear(plain(name), plain(field.name)));
}

/** As names are compared, since other languages write them in other ways. */
function plain(name: string): string {
  return name.replace(/[_-]/g, "").toLowerCase();
}

/** Whether it takes one slip to make one of the other: a character too many, too few, another or two swapped. In long names two. */
function isNear(one: string, other: string): boolean {
  let start = 0;
  while (start < one.length && one[start] === other[start]) start++;
  let end = 0;
  while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end)) end++;
  const [length, same] = [Math.max(one.length, other.length), start + end];
  const isSwapped = length === same + 2 && one[start] === other[start + 1] && one[start + 1] === other[start];
  return (isSwapped && same > 0) || (same > 1 && length - same <= (length < LONG_NAME ? 1 : 2));
}

function fieldsOf({ type, of, fields }: Part): readonly Field[] {
  if (type === STRUCT) return (of as { readonly $: StructInfo }).$.fields();
  return type === undefined || type === GROUP ? (fields?.() ?? []) : [];
}

/** Of a struct its type's name. */
function nameOf({ type, of }: Part, otherwise: string): string {
  return type === STRUCT ? (of as { readonly $: StructInfo }).$.name : otherwise;
}
