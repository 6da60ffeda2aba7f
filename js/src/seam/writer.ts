import { isBytes, isDetached, NO_BYTES, NO_VIEW } from "../buffers.js";
import { isObject } from "../objects.js";
import type { EnumDescriptor, InterfaceDescriptor } from "./descriptor.js";
import { MAX_LIST } from "./fields.js";
import { LONG_TEXT, LOOPED_TEXT, MAX_WAITING, PATIENCE, SHORT_TEXT, WORTH_A_CALL } from "./text-costs.js";

/**
 * Thrown to leave an encoder in the middle when the message outgrows its room. Starting over in a
 * bigger room costs less than addresses that may move would cost every message: the room needed is
 * learned per type, so it is rare.
 */
export const OUT_OF_ROOM: unique symbol = Symbol("out of room");

/** Tells whether a value is a client of the interface: returns it, or throws saying what is wrong. */
export type ClientCheck = (value: unknown, type: InterfaceDescriptor, field: string) => object;

/** A text's terminating zero and padding by its length modulo 8. */
const ZEROS = Array.from({ length: 8 }, (_, length) => "\0".repeat(8 - length)) as readonly string[];

/** Typed by what is needed of it: where only Node's types are, `TextEncoder` is a value and no type. */
export const utf8: { encode(text: string): Uint8Array<ArrayBuffer>; encodeInto(text: string, into: Uint8Array): { read: number; written: number } } = new TextEncoder();

/**
 * Writes one message into a zeroed region of memory. Generated code calls it with absolute
 * addresses: a struct's data section, or the place of a pointer. Everything it allocates comes one
 * after the other, so a pointer is written as soon as its target's size is known.
 */
export class Writer {
  /** Over the memory that holds the room. */
  view: DataView = NO_VIEW;
  bytes: Uint8Array = NO_BYTES;
  /** Clients met so far; a capability pointer holds its client's index in here. */
  clients: object[] = [];
  checkClient: ClientCheck = refuseClients;
  /** After `OUT_OF_ROOM`: bytes of room that would have been enough to get past that point. */
  wantedBytes = 0;
  /** Elements of the list begun last. */
  count = 0;
  #start = 0;
  #next = 0;
  #end = 0;
  /** Texts to be written later, all in one go, and where their pointers are. */
  #texts: string[] = [];
  #textPointers: number[] = [];
  #waiting = 0;
  /** With zeros and padding if all are ASCII. */
  #waitingBytes = 0;
  /** Ones where some of the texts' first characters have them. */
  #waitingBits = 0;
  /** Above 0: texts of late were not all ASCII. */
  #patience = 0;

  /** Begins a message in `words` zeroed words at `address`. */
  begin(view: DataView, bytes: Uint8Array, address: number, words: number): void {
    this.view = view;
    this.bytes = bytes;
    this.#start = this.#next = address;
    this.#end = address + words * 8;
    this.clients.length = 0;
    if (this.#waiting !== 0) this.#forgetTexts();
    if (this.#patience !== 0) this.#patience--;
  }

  /** Completes the message; returns its words. */
  end(): number {
    if (this.#waiting !== 0) this.#writeTexts();
    return (this.#next - this.#start) >>> 3;
  }

  // ---- scalars: of a bigint, the operators that tell whether a number fits throw errors of their own ----

  bool(address: number, mask: number, value: boolean, field: string): void {
    if (typeof value !== "boolean") throw wrong(field, "a boolean", value);
    if (value) this.view.setUint8(address, this.view.getUint8(address) | mask);
  }

  i8(address: number, value: number, field: string): void {
    if (typeof value !== "number" || (value << 24) >> 24 !== value) throw wrong(field, "an integer from -128 to 127", value);
    this.view.setInt8(address, value);
  }

  u8(address: number, value: number, field: string): void {
    if (typeof value !== "number" || (value & 0xff) !== value) throw wrong(field, "an integer from 0 to 255", value);
    this.view.setUint8(address, value);
  }

  i16(address: number, value: number, field: string): void {
    if (typeof value !== "number" || (value << 16) >> 16 !== value) throw wrong(field, "an integer from -32768 to 32767", value);
    this.view.setInt16(address, value, true);
  }

  u16(address: number, value: number, field: string): void {
    if (typeof value !== "number" || (value & 0xffff) !== value) throw wrong(field, "an integer from 0 to 65535", value);
    this.view.setUint16(address, value, true);
  }

  i32(address: number, value: number, field: string): void {
    if (typeof value !== "number" || (value | 0) !== value) throw wrong(field, "an integer from -2147483648 to 2147483647", value);
    this.view.setInt32(address, value, true);
  }

  u32(address: number, value: number, field: string): void {
    if (typeof value !== "number" || value >>> 0 !== value) throw wrong(field, "an integer from 0 to 4294967295", value);
    this.view.setUint32(address, value, true);
  }

  i64(address: number, value: number | bigint, field: string): void {
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value)) throw wrong(field, SAFE, value);
      this.view.setInt32(address, value, true);
      this.view.setInt32(address + 4, Math.floor(value / 0x100000000), true);
    } else {
      if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) throw wrong(field, "a 64-bit integer", value);
      this.view.setBigInt64(address, value, true);
    }
  }

  u64(address: number, value: number | bigint, field: string): void {
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value) || value < 0) throw wrong(field, `${SAFE}, not negative`, value);
      this.view.setUint32(address, value, true);
      this.view.setUint32(address + 4, value / 0x100000000, true);
    } else {
      if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value) {
        throw wrong(field, "an integer from 0 to 18446744073709551615", value);
      }
      this.view.setBigUint64(address, value, true);
    }
  }

  f32(address: number, value: number, field: string): void {
    if (typeof value !== "number") throw wrong(field, "a number", value);
    this.view.setFloat32(address, value, true);
  }

  f64(address: number, value: number, field: string): void {
    if (typeof value !== "number") throw wrong(field, "a number", value);
    this.view.setFloat64(address, value, true);
  }

  enum(address: number, value: string | number, type: EnumDescriptor, field: string): void {
    this.view.setUint16(address, ordinalOf(value, type, field), true);
  }

  /** A union's tag given as a number: one that the schema at hand does not know. */
  tag(address: number, value: unknown, field: string): void {
    if (typeof value !== "number") throw wrong(field, "the name of a union member", value);
    this.u16(address, value, field);
  }

  /** A union without a tag must be without a member too. */
  untagged(value: object, members: readonly string[]): void {
    for (const member of members) {
      if ((value as Record<string, unknown>)[member] != null) {
        throw new TypeError(`${member}: the union it belongs to needs \`which: ${JSON.stringify(member)}\` beside it`);
      }
    }
  }

  // ---- defaults: stored values are the difference to the default ----

  xor8(address: number, bits: number): void {
    this.view.setUint8(address, this.view.getUint8(address) ^ bits);
  }

  xor16(address: number, bits: number): void {
    this.view.setUint16(address, this.view.getUint16(address, true) ^ bits, true);
  }

  xor32(address: number, bits: number): void {
    this.view.setInt32(address, this.view.getInt32(address, true) ^ bits, true);
  }

  xor64(address: number, low: number, high: number): void {
    this.xor32(address, low);
    this.xor32(address + 4, high);
  }

  // ---- blobs ----

  /**
   * Texts of some length are put off until the end of the message. From then on all are, so that they come to lie in the
   * order in which they will be read.
   */
  text(pointer: number, value: string, field: string): void {
    if (typeof value !== "string") throw wrong(field, "a string", value);
    const length = value.length;
    if (length < SHORT_TEXT && this.#waiting === 0) return this.#loop(pointer, value);
    if (length >= LONG_TEXT) return this.#encode(pointer, value);
    const at = this.#waiting++;
    this.#texts[at] = value;
    this.#textPointers[at] = pointer;
    this.#waitingBytes += (length + 8) & ~7;
    // To ask for a character makes one piece of a string that was put together from others. Unless that happens here, the
    // pieces of all are collected again and again.
    this.#waitingBits |= value.charCodeAt(0);
    if (this.#waitingBytes > MAX_WAITING) this.#writeTexts();
  }

  /** A text, character by character. */
  #loop(pointer: number, value: string): void {
    const { length } = value;
    const { bytes } = this;
    const target = this.#next;
    if (target + length >= this.#end) this.#outgrown(length + 1);
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 127) return this.#loopOn(pointer, value, i);
      bytes[target + i] = unit;
    }
    this.#blob(pointer, length + 1);
  }

  /** From the first character on that is not ASCII. As `encodeInto` does, it makes U+FFFD of half a surrogate pair. */
  #loopOn(pointer: number, value: string, from: number): void {
    const { length } = value;
    const { bytes } = this;
    let target = this.#next + from;
    if (target + (length - from) * 3 >= this.#end) this.#outgrown(length * 3 + 1);
    for (let i = from; i < length; i++) {
      let code = value.charCodeAt(i);
      if (code < 0x80) {
        bytes[target++] = code;
        continue;
      }
      if (code < 0x800) {
        bytes[target++] = 0xc0 | (code >> 6);
      } else {
        if ((code & 0xf800) === 0xd800) {
          const whole = value.codePointAt(i) as number;
          code = whole > 0xffff ? whole : 0xfffd;
        }
        if (code > 0xffff) {
          i++;
          bytes[target++] = 0xf0 | (code >> 18);
          bytes[target++] = 0x80 | ((code >> 12) & 0x3f);
        } else {
          bytes[target++] = 0xe0 | (code >> 12);
        }
        bytes[target++] = 0x80 | ((code >> 6) & 0x3f);
      }
      bytes[target++] = 0x80 | (code & 0x3f);
    }
    this.#blob(pointer, target - this.#next + 1);
  }

  /** A text by a call of its own. */
  #encode(pointer: number, value: string): void {
    const { length } = value;
    const target = this.#next;
    // One byte of the room stays free for the terminating zero.
    const limit = Math.max(target, Math.min(target + length * 3, this.#end - 1));
    const { read, written } = utf8.encodeInto(value, this.bytes.subarray(target, limit));
    if (read !== length) this.#outgrown(length * 3 + 1);
    this.#blob(pointer, written + 1);
  }

  #writeTexts(): void {
    const count = this.#waiting;
    const isWorthIt = count > 1 && this.#waitingBytes >= WORTH_A_CALL && this.#waitingBits < 0x80 && this.#patience === 0;
    if (!isWorthIt || !this.#writeTogether(count)) {
      for (let i = 0; i < count; i++) {
        const text = this.#texts[i] as string;
        const pointer = this.#textPointers[i] as number;
        if (text.length < LOOPED_TEXT) this.#loop(pointer, text);
        else this.#encode(pointer, text);
      }
    }
    this.#forgetTexts();
  }

  /** Succeeds if all are ASCII: then what they take is known beforehand. */
  #writeTogether(count: number): boolean {
    const wanted = this.#waitingBytes;
    const start = this.#next;
    if (start + wanted > this.#end) this.#outgrown(wanted);
    let all = "";
    for (let i = 0; i < count; i++) {
      const text = this.#texts[i] as string;
      all += text;
      all += ZEROS[text.length & 7] as string;
    }
    const { read, written } = utf8.encodeInto(all, this.bytes.subarray(start, start + wanted));
    if (read !== wanted) {
      this.bytes.fill(0, start, start + written);
      this.#patience = PATIENCE;
      return false;
    }
    for (let i = 0; i < count; i++) this.#blob(this.#textPointers[i] as number, (this.#texts[i] as string).length + 1);
    return true;
  }

  /** The strings are the application's: they must not live on in here. */
  #forgetTexts(): void {
    this.#texts.fill("", 0, this.#waiting);
    this.#waiting = 0;
    this.#waitingBytes = 0;
    this.#waitingBits = 0;
  }

  data(pointer: number, value: Uint8Array, field: string): void {
    checkBytes(field, value);
    const length = value.length;
    if (this.#next + length > this.#end) this.#outgrown(length);
    this.bytes.set(value, this.#next);
    this.#blob(pointer, length);
  }

  /** The blob's bytes are in place already. */
  #blob(pointer: number, length: number): void {
    if (length > MAX_LIST) throw tooLong("Text or Data", length, "bytes");
    this.#listPointer(pointer, this.#next, 2, length);
    this.#next += (length + 7) & ~7;
  }

  // ---- structs ----

  /** Allocates a struct and points at it; returns where its data section is. */
  struct(pointer: number, dataWords: number, pointers: number, value: unknown, field: string): number {
    // An object without any of the fields is an empty message; bytes and arrays are never meant as one.
    if (!isObject(value) || ArrayBuffer.isView(value) || Array.isArray(value)) {
      throw wrong(field, "an object with the fields by name", value);
    }
    const target = this.#allocate(dataWords + pointers);
    // A struct without content points at offset -1, so that it is not mistaken for null.
    const offset = dataWords + pointers === 0 ? -4 : (target - pointer - 8) >> 1;
    this.view.setInt32(pointer, offset, true);
    this.view.setInt32(pointer + 4, dataWords | (pointers << 16), true);
    return target;
  }

  /** A group lives in its parent: nothing to allocate. */
  group<T>(value: T | null | undefined, field: string): T {
    if (!isObject(value)) throw wrong(field, "an object", value);
    return value;
  }

  /** Allocates a list of structs for the elements of `value`, sets `count`; returns where the first is. */
  structs(pointer: number, dataWords: number, pointers: number, value: ArrayLike<unknown>, field: string): number {
    const count = this.#length(value, field);
    const words = count * (dataWords + pointers);
    const tag = this.#allocate(1 + words);
    this.#listPointer(pointer, tag, 7, words);
    this.view.setInt32(tag, count << 2, true);
    this.view.setInt32(tag + 4, dataWords | (pointers << 16), true);
    this.count = count;
    return tag + 8;
  }

  /** Allocates a list of pointers for the elements of `value`, sets `count`; returns where the first is. */
  pointers(pointer: number, value: ArrayLike<unknown>, field: string): number {
    return this.#list(pointer, value, field, 6, 64);
  }

  // ---- lists ----

  voids(pointer: number, value: ArrayLike<unknown>, field: string): void {
    this.#list(pointer, value, field, 0, 0);
  }

  bools(pointer: number, value: ArrayLike<boolean>, field: string): void {
    const address = this.#list(pointer, value, field, 1, 1);
    for (let i = 0, n = this.count; i < n; i++) this.bool(address + (i >> 3), 1 << (i & 7), value[i] as boolean, field);
  }

  i8s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 2, 8);
    for (let i = 0, n = this.count; i < n; i++) this.i8(address + i, value[i] as number, field);
  }

  u8s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 2, 8);
    for (let i = 0, n = this.count; i < n; i++) this.u8(address + i, value[i] as number, field);
  }

  i16s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 3, 16);
    for (let i = 0, n = this.count; i < n; i++) this.i16(address + i * 2, value[i] as number, field);
  }

  u16s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 3, 16);
    for (let i = 0, n = this.count; i < n; i++) this.u16(address + i * 2, value[i] as number, field);
  }

  i32s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 4, 32);
    for (let i = 0, n = this.count; i < n; i++) this.i32(address + i * 4, value[i] as number, field);
  }

  u32s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 4, 32);
    for (let i = 0, n = this.count; i < n; i++) this.u32(address + i * 4, value[i] as number, field);
  }

  i64s(pointer: number, value: ArrayLike<number | bigint>, field: string): void {
    const address = this.#list(pointer, value, field, 5, 64);
    for (let i = 0, n = this.count; i < n; i++) this.i64(address + i * 8, value[i] as number | bigint, field);
  }

  u64s(pointer: number, value: ArrayLike<number | bigint>, field: string): void {
    const address = this.#list(pointer, value, field, 5, 64);
    for (let i = 0, n = this.count; i < n; i++) this.u64(address + i * 8, value[i] as number | bigint, field);
  }

  f32s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 4, 32);
    for (let i = 0, n = this.count; i < n; i++) this.f32(address + i * 4, value[i] as number, field);
  }

  f64s(pointer: number, value: ArrayLike<number>, field: string): void {
    const address = this.#list(pointer, value, field, 5, 64);
    for (let i = 0, n = this.count; i < n; i++) this.f64(address + i * 8, value[i] as number, field);
  }

  enums(pointer: number, value: ArrayLike<string | number>, type: EnumDescriptor, field: string): void {
    const address = this.#list(pointer, value, field, 3, 16);
    for (let i = 0, n = this.count; i < n; i++) this.enum(address + i * 2, value[i] as string | number, type, field);
  }

  texts(pointer: number, value: ArrayLike<string>, field: string): void {
    const address = this.pointers(pointer, value, field);
    for (let i = 0, n = this.count; i < n; i++) this.text(address + i * 8, value[i] as string, field);
  }

  datas(pointer: number, value: ArrayLike<Uint8Array>, field: string): void {
    const address = this.pointers(pointer, value, field);
    for (let i = 0, n = this.count; i < n; i++) this.data(address + i * 8, value[i] as Uint8Array, field);
  }

  caps(pointer: number, value: ArrayLike<unknown>, type: InterfaceDescriptor, field: string): void {
    this.each(pointer, value, (writer, pointer, value, field) => writer.cap(pointer, value, type, field), field);
  }

  /** A list of anything that is behind a pointer; `element` writes one through the pointer it is given. */
  each<T>(
    pointer: number,
    value: ArrayLike<T | null | undefined>,
    element: (writer: Writer, pointer: number, value: T, field: string) => void,
    field: string,
  ): void {
    const address = this.pointers(pointer, value, field);
    for (let i = 0, n = this.count; i < n; i++) if (value[i] != null) element(this, address + i * 8, value[i] as T, field);
  }

  // ---- capabilities ----

  cap(pointer: number, value: unknown, type: InterfaceDescriptor, field: string): void {
    const client = this.checkClient(value, type, field);
    this.view.setInt32(pointer, 3, true);
    this.view.setUint32(pointer + 4, this.clients.push(client) - 1, true);
  }

  // ---- words already in Cap'n Proto's form ----

  /**
   * Copies a single-segment message (without its table) and points at what its root points at. The
   * root must be the segment's first word, and what it points at must be in the same segment.
   */
  embed(pointer: number, segment: Uint8Array): void {
    const target = this.#allocate((segment.length - 8) >>> 3);
    this.bytes.set(segment.subarray(8), target);
    const root = new DataView(segment.buffer, segment.byteOffset, 8);
    const low = root.getInt32(0, true);
    const isEmptyStruct = low === -4;
    this.view.setInt32(pointer, isEmptyStruct || low === 3 ? low : low + ((target - pointer - 8) >> 1), true);
    this.view.setInt32(pointer + 4, root.getInt32(4, true), true);
  }

  /** Room for the root pointer of a message that has none yet. */
  root(): number {
    return this.#allocate(1);
  }

  #length(value: ArrayLike<unknown>, field: string): number {
    if (!isObject(value) || typeof value.length !== "number") throw wrong(field, "an array", value);
    const length = value.length >>> 0;
    if (length > MAX_LIST) throw tooLong(field, length, "elements");
    return length;
  }

  #list(pointer: number, value: ArrayLike<unknown>, field: string, elementSize: number, bits: number): number {
    const count = this.#length(value, field);
    const target = this.#allocate(Math.ceil((count * bits) / 64));
    this.#listPointer(pointer, target, elementSize, count);
    this.count = count;
    return target;
  }

  #listPointer(pointer: number, target: number, elementSize: number, count: number): void {
    const view = this.view;
    view.setInt32(pointer, ((target - pointer - 8) >> 1) | 1, true);
    view.setInt32(pointer + 4, (count << 3) | elementSize, true);
  }

  #allocate(words: number): number {
    const target = this.#next;
    const next = target + words * 8;
    if (next > this.#end) this.#outgrown(words * 8);
    this.#next = next;
    return target;
  }

  #outgrown(bytes: number): never {
    this.wantedBytes = this.#next - this.#start + bytes + 8;
    throw OUT_OF_ROOM;
  }
}

const SAFE = "a bigint or an integer up to 2^53";

function ordinalOf(value: string | number, type: EnumDescriptor, field: string): number {
  if (typeof value === "number") {
    if ((value & 0xffff) !== value) throw wrong(field, "an enumerant or an integer from 0 to 65535", value);
    return value;
  }
  const { names } = type.$;
  // Equal strings are nearly always the same string: a few comparisons cost less than a look-up.
  for (let i = 0, n = Math.min(names.length, 12); i < n; i++) if (names[i] === value) return i;
  const ordinal = type.$.ordinals.get(value);
  if (ordinal === undefined) throw wrong(field, `one of ${type.$.names.map((name) => JSON.stringify(name)).join(", ")}`, value);
  return ordinal;
}

/** The error for a value of the wrong type or out of range. */
export function wrong(field: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${field}: expected ${expected}, got ${describe(value)}`);
}

/** The error for a list, Text or Data that no list pointer can describe. */
export function tooLong(field: string, count: number, unit: "bytes" | "elements"): RangeError {
  return new RangeError(`${field}: ${count} ${unit} are more than a list holds`);
}

/** Throws unless `value` is bytes that are there. */
export function checkBytes(field: string, value: unknown): asserts value is Uint8Array {
  if (!isBytes(value)) throw wrong(field, "a Uint8Array (of an ArrayBuffer, new Uint8Array(buffer) makes one)", value);
  if (value.length === 0 && isDetached(value.buffer)) throw new TypeError(`${field}: the bytes' buffer was transferred away; transfer a copy`);
}

/** A value in a few words, for an error. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `the string ${JSON.stringify(value.slice(0, 40))}${value.length > 40 ? "…" : ""}`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : `an object (${value.constructor?.name ?? "no class"})`;
    default:
      return `a ${typeof value}`;
  }
}

function refuseClients(_value: unknown, type: InterfaceDescriptor, field: string): never {
  throw new TypeError(`${field}: a client of ${type.$.name} can only be sent over a connection, not encoded into a message by itself`);
}
