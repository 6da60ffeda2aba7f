import { NO_BYTES, NO_VIEW } from "../buffers.js";
import { ABSENT, IN_UNICODE } from "./header.js";
import type { EnumDescriptor, InterfaceDescriptor } from "./descriptor.js";

/** Makes the client for an entry of the message's capability table. */
export type ClientSource = (index: number, type: InterfaceDescriptor) => object;

const NO_ENTRIES = new Uint32Array(0);

/**
 * Hands generated decoders what Rust found in a message it has checked. Scalars are read straight
 * from `view`: every address that Rust gives out has the struct's full data section behind it.
 * Everything behind a pointer comes from a table of positions, in the order in which the struct's
 * layout program lists it, so a decoder asks once for each, in that order.
 */
export class Reader {
  /** Over wasm memory. */
  view: DataView = NO_VIEW;
  bytes: Uint8Array = NO_BYTES;
  table: Uint32Array = NO_ENTRIES;
  clientAt: ClientSource = noClients;
  /** Bytes from one element of the list begun last to the next. */
  step = 0;
  /** Where its first element is. */
  first = 0;
  #entry = 0;
  /** All text of the message that is ASCII in one string, decoded at once; slices of it are nearly free. */
  #pool = "";
  /** All other text. */
  #unicode = "";

  begin(view: DataView, bytes: Uint8Array, table: Uint32Array, entry: number, pool: string, unicode: string): void {
    this.view = view;
    this.bytes = bytes;
    this.table = table;
    this.#entry = entry;
    this.#pool = pool;
    this.#unicode = unicode;
  }

  end(): void {
    this.#pool = "";
    this.#unicode = "";
    this.clientAt = noClients;
  }

  /** The next entry: where a struct's data section is, 0 for null. */
  next(): number {
    return this.table[this.#entry++] as number;
  }

  text(): string {
    const start = this.next();
    return this.#slice(start, this.next());
  }

  /** Text of a field that has a default. */
  textOr(byDefault: string): string {
    const start = this.next();
    const end = this.next();
    return start === ABSENT ? byDefault : this.#slice(start, end);
  }

  #slice(start: number, end: number): string {
    return start < IN_UNICODE ? this.#pool.substring(start, end) : this.#unicode.substring(start - IN_UNICODE, end - IN_UNICODE);
  }

  /** A copy: the message is gone when the caller looks at it. */
  data(): Uint8Array {
    const start = this.next();
    return this.bytes.slice(start, start + this.next());
  }

  dataOr(byDefault: () => Uint8Array): Uint8Array {
    const start = this.next();
    const length = this.next();
    return start === 0 ? byDefault() : this.bytes.slice(start, start + length);
  }

  /** Whether a list that has a default is absent; it must not be asked for then. */
  absent(): boolean {
    if (this.table[this.#entry] !== ABSENT) return false;
    this.#entry++;
    return true;
  }

  cap<Client>(type: InterfaceDescriptor<Client>): Client | undefined {
    const index = this.next();
    return index === 0 ? undefined : (this.clientAt(index - 1, type) as Client);
  }

  /** Begins a list: sets `first` and `step`, returns the number of elements. */
  list(): number {
    const count = this.next();
    this.first = this.next();
    this.step = this.next();
    return count;
  }

  /** Begins a list of things behind pointers: returns the number of elements, whose entries follow. */
  count(): number {
    return this.next();
  }

  voids(): undefined[] {
    return new Array<undefined>(this.count()).fill(undefined);
  }

  bools(): boolean[] {
    const count = this.list();
    const { first, view } = this;
    const values = new Array<boolean>(count);
    for (let i = 0; i < count; i++) values[i] = ((view.getUint8(first + (i >>> 3)) >> (i & 7)) & 1) !== 0;
    return values;
  }

  i8s(): number[] {
    return this.#numbers((view, at) => view.getInt8(at));
  }

  u8s(): number[] {
    return this.#numbers((view, at) => view.getUint8(at));
  }

  i16s(): number[] {
    return this.#numbers((view, at) => view.getInt16(at, true));
  }

  u16s(): number[] {
    return this.#numbers((view, at) => view.getUint16(at, true));
  }

  i32s(): number[] {
    return this.#numbers((view, at) => view.getInt32(at, true));
  }

  u32s(): number[] {
    return this.#numbers((view, at) => view.getUint32(at, true));
  }

  i64s(): bigint[] {
    return this.#numbers((view, at) => view.getBigInt64(at, true));
  }

  u64s(): bigint[] {
    return this.#numbers((view, at) => view.getBigUint64(at, true));
  }

  f32s(): number[] {
    return this.#numbers((view, at) => view.getFloat32(at, true));
  }

  f64s(): number[] {
    return this.#numbers((view, at) => view.getFloat64(at, true));
  }

  enums<Name extends string>(type: EnumDescriptor<Name>): (Name | number)[] {
    const names = type.$.names;
    return this.#numbers((view, at) => {
      const ordinal = view.getUint16(at, true);
      return names[ordinal] ?? ordinal;
    });
  }

  texts(): string[] {
    return this.each((reader) => reader.text());
  }

  datas(): Uint8Array[] {
    return this.each((reader) => reader.data());
  }

  caps<Client>(type: InterfaceDescriptor<Client>): (Client | undefined)[] {
    return this.each((reader) => reader.cap(type));
  }

  /** A list of anything that is behind a pointer. */
  each<T>(element: (reader: Reader) => T): T[] {
    const count = this.count();
    const values = new Array<T>(count);
    for (let i = 0; i < count; i++) values[i] = element(this);
    return values;
  }

  /** An enumerant's name, or its number when the schema at hand does not know it. */
  enum<Name extends string>(ordinal: number, type: EnumDescriptor<Name>): Name | number {
    return type.$.names[ordinal] ?? ordinal;
  }

  /** A Float32 stored as the difference to a default. */
  f32x(address: number, bits: number): number {
    scratch.setInt32(0, this.view.getInt32(address, true) ^ bits);
    return scratch.getFloat32(0);
  }

  /** A Float64 stored as the difference to a default. */
  f64x(address: number, low: number, high: number): number {
    scratch.setInt32(0, this.view.getInt32(address + 4, true) ^ high);
    scratch.setInt32(4, this.view.getInt32(address, true) ^ low);
    return scratch.getFloat64(0);
  }

  /** Each caller has a function of its own, which is compiled into the loop then: one out of a table would not be. */
  #numbers<T>(read: (view: DataView, address: number) => T): T[] {
    const count = this.list();
    const { step, view } = this;
    const values = new Array<T>(count);
    for (let i = 0, at = this.first; i < count; i++, at += step) values[i] = read(view, at);
    return values;
  }
}

/** For the bits of floating-point numbers. */
export const scratch: DataView = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

function noClients(_index: number, type: InterfaceDescriptor): never {
  throw new TypeError(`a client of ${type.$.name} cannot be read from a message by itself, only over a connection`);
}
