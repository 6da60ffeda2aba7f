import { CapnpError } from "../errors.js";
import type { DecodeOptions } from "../message.js";
import { frameIn } from "../packed/packed.js";
import { ANY, DATA } from "../seam/fields.js";
import { type BuilderOf, elementOf, type PointerType, type Settable } from "../seam/types.js";
import { MAX_LIST } from "../seam/fields.js";
import { wrong } from "../seam/writer.js";
import { dispose, frame } from "../symbols.js";
import { follower } from "./behind.js";
import { BUILDERS } from "./builders.js";
import { Orphan } from "./orphans.js";
import { flatten, frameOf } from "./output.js";
import * as places from "./place.js";
import { foundCount, foundStruct, isPart, live, make, type OpenMessage, type Part, part, Place } from "./place.js";
import { copyPart, setPointer } from "./set.js";
import { foundData, foundText, setText } from "./text.js";
import { Scalars, writable } from "./untyped-scalars.js";
import type * as types from "./untyped-types.js";
import type { ElementSize, PointerKind } from "./untyped-types.js";
import { VIEWS } from "./views.js";

/*
 * Messages without a schema: pointers, structs and lists as they lie in a message. One set of classes serves for reading
 * and for building; the types show what a message can do, and what it cannot throws.
 */

const KINDS: readonly PointerKind[] = ["null", "struct", "list", "capability"];
const ELEMENT_SIZES: readonly ElementSize[] = ["void", "bit", "byte", "twoBytes", "fourBytes", "eightBytes", "pointer", "struct"];
const NAME = "pointer";

/** A message to read without a schema. It must be released: with `using`, or `release(reader)`. */
export class MessageReader implements Disposable {
  readonly #message: OpenMessage;

  /** @throws CapnpError when `bytes` are no message, segment table in front. */
  constructor(bytes: Uint8Array, options?: DecodeOptions) {
    this.#message = places.openMessage(frameIn("new MessageReader()", bytes, options), options, "message");
  }

  /** The root pointer. */
  get root(): types.UntypedPointer {
    return rootOf(this.#message);
  }

  /** Lets go of its memory. */
  [dispose](): void {
    places.closeMessage(this.#message);
  }
}

/** A message to build without a schema, then to `encode`. It must be released: with `using`, or `release(builder)`. */
export class MessageBuilder implements Disposable {
  readonly #message: OpenMessage;

  constructor() {
    this.#message = places.buildMessage("message");
  }

  /** The root pointer. */
  get root(): types.UntypedPointerBuilder {
    return rootOf(this.#message);
  }

  /** @internal */
  [frame](): Uint8Array<ArrayBuffer> {
    return frameOf(this.#message);
  }

  /** Lets go of its memory. */
  [dispose](): void {
    places.closeMessage(this.#message);
  }
}

function rootOf(message: OpenMessage): Pointer {
  live(message);
  return new Pointer(message, message.root, message.nesting);
}

class Pointer implements Part, types.UntypedPointerBuilder {
  readonly #message: OpenMessage;
  /** 0 where a struct has no such pointer, which is as good as null. */
  readonly #address: number;
  readonly #nesting: number;

  constructor(message: OpenMessage, address: number, nesting: number) {
    this.#message = message;
    this.#address = address;
    this.#nesting = nesting;
  }

  get isNull(): boolean {
    const memory = live(this.#message);
    const at = this.#address;
    return at === 0 || (memory.getInt32(at, true) | memory.getInt32(at + 4, true)) === 0;
  }

  get kind(): PointerKind {
    return this.#follow(places.NOTHING) ? (KINDS[foundCount()] as PointerKind) : "null";
  }

  struct(): Struct {
    const message = this.#message;
    return new Struct(this.#follow(places.A_STRUCT) ? foundStruct(message, this.#nesting - 1) : new Place(message, 0, 0, 0, 0));
  }

  list(): List {
    return new List(this.#message, this.#follow(places.ANY_LIST), this.#nesting - 1);
  }

  text(): string {
    return this.#follow(places.A_TEXT) ? foundText() : "";
  }

  data(): Uint8Array<ArrayBuffer> {
    return this.#follow(places.A_DATA) ? foundData() : new Uint8Array(0);
  }

  capability(): number | undefined {
    return this.#follow(places.A_CAPABILITY) ? foundCount() : undefined;
  }

  as<T extends PointerType>(type: T): BuilderOf<T> {
    const mode = this.#message.isBuilt ? BUILDERS : VIEWS;
    const address = this.isNull ? 0 : this.#address;
    return follower(elementOf(type), mode, NAME)(this.#message, address, this.#nesting) as BuilderOf<T>;
  }

  get message(): Uint8Array<ArrayBuffer> {
    if (this.isNull) throw new CapnpError("failed", "a null pointer leads to nothing that could be a message");
    return flatten(this[part](), NAME);
  }

  initStruct(dataWords: number, pointers: number): Struct {
    make(this.#message, this.#slot(), places.A_STRUCT, 0, structSize(dataWords, pointers), NAME);
    return new Struct(foundStruct(this.#message, places.NO_LIMIT));
  }

  initList(elementSize: Exclude<ElementSize, "struct">, count: number): List {
    const code = ELEMENT_SIZES.indexOf(elementSize);
    if (code < 0 || code >= places.STRUCT_LIST) throw wrong("elementSize", 'the size of a scalar or pointer, such as "fourBytes"', elementSize);
    make(this.#message, this.#slot(), code, checked(count, MAX_LIST, "elements"), 0, NAME);
    return new List(this.#message, true, places.NO_LIMIT);
  }

  initStructList(count: number, dataWords: number, pointers: number): List {
    const size = structSize(dataWords, pointers);
    const most = Math.floor(MAX_LIST / Math.max(1, dataWords + pointers));
    make(this.#message, this.#slot(), places.STRUCT_LIST, checked(count, most, "elements"), size, NAME);
    return new List(this.#message, true, places.NO_LIMIT);
  }

  setText(value: string): void {
    setText(this.#message, this.#slot(), value, "setText()");
  }

  setData(value: Uint8Array): void {
    setPointer(this.#message, this.#slot(), { type: DATA }, value, "setData()");
  }

  setCapability(index: number): void {
    make(this.#message, this.#slot(), places.A_CAPABILITY, checked(index, 0xffffffff, "as a capability's index"), 0, NAME);
  }

  set<T extends PointerType>(type: T, value: Settable<T>): void {
    setPointer(this.#message, this.#slot(), elementOf(type), value, NAME);
  }

  copyFrom(from: object): void {
    const slot = this.#slot();
    if (!isPart(from)) throw new TypeError("copyFrom() wants a view or builder, or a part of one; set(type, value) takes plain values");
    copyPart(this.#message, slot, from[part](), NAME);
  }

  clear(): void {
    make(this.#message, this.#slot(), places.NOTHING, 0, 0, NAME);
  }

  disown(): Orphan<never> {
    return Orphan.of(this.#message, this.#slot(), { type: ANY }, NAME);
  }

  adopt(orphan: Orphan): void {
    Orphan.into(this.#message, this.#slot(), { type: ANY }, orphan, NAME);
  }

  [part](): Place {
    return places.behind(this.#message, this.isNull ? 0 : this.#address, this.#nesting);
  }

  #follow(wanted: number): boolean {
    if (this.isNull) return false;
    places.follow(this.#message, this.#address, this.#nesting, wanted, 0, NAME);
    return true;
  }

  #slot(): number {
    writable(this.#message);
    if (this.#address === 0) throw new RangeError("the struct has no such pointer: it was made without");
    return this.#address;
  }
}

class Struct extends Scalars implements Part, types.UntypedStructBuilder {
  readonly #place: Place;

  constructor(place: Place) {
    super(place.message);
    this.#place = place;
  }

  get dataBytes(): number {
    return this[part]().dataBytes;
  }

  get pointerCount(): number {
    return this[part]().pointers;
  }

  pointer(index: number): Pointer {
    const { message, address, dataBytes, pointers, nesting } = this[part]();
    const at = checked(index, 0xffff, "as a pointer's index");
    return new Pointer(message, at < pointers ? address + dataBytes + at * 8 : 0, nesting);
  }

  [part](): Place {
    live(this.#place.message);
    return this.#place;
  }

  protected override locate(at: number, bytes: number): number {
    const { address, dataBytes } = this.#place;
    return checked(at, 0x7ffff, "as a field's place") + bytes <= dataBytes ? address + at : 0;
  }

  protected override locateBit(at: number): number {
    return this.locate(checked(at, 0x3fffff, "as a bit's place") >>> 3, 1);
  }
}

class List extends Scalars implements types.UntypedListBuilder {
  readonly #place: Place;
  readonly #count: number;
  readonly #stepBits: number;
  readonly #elementSize: number;

  /** The list that was found last; empty when none was. */
  constructor(message: OpenMessage, isThere: boolean, nesting: number) {
    super(message);
    this.#place = isThere
      ? new Place(message, places.foundAddress(), places.foundDataBytes(), places.foundPointers(), nesting)
      : new Place(message, 0, 0, 0, 0);
    this.#count = isThere ? foundCount() : 0;
    this.#stepBits = isThere ? places.foundStepBits() : 0;
    this.#elementSize = isThere ? places.foundElementSize() : 0;
  }

  get length(): number {
    live(this.message);
    return this.#count;
  }

  get elementSize(): ElementSize {
    live(this.message);
    return ELEMENT_SIZES[this.#elementSize] as ElementSize;
  }

  struct(index: number): Struct {
    const { message, dataBytes, pointers, nesting } = this.#place;
    return new Struct(new Place(message, this.#element(index), dataBytes, pointers, nesting - 1));
  }

  pointer(index: number): Pointer {
    const { message, dataBytes, pointers, nesting } = this.#place;
    const address = this.#element(index);
    return new Pointer(message, pointers === 0 ? 0 : address + dataBytes, nesting);
  }

  protected override locate(index: number, bytes: number): number {
    const address = this.#element(index);
    if (bytes <= this.#place.dataBytes) return address;
    throw new TypeError(`the elements of this list are not that large: its element size is ${this.elementSize}`);
  }

  protected override locateBit(index: number): number {
    this.#check(index);
    if (this.#stepBits === 1) return this.#place.address + (index >>> 3);
    throw new TypeError(`the elements of this list are no Bools: its element size is ${this.elementSize}`);
  }

  #element(index: number): number {
    this.#check(index);
    if (this.#stepBits !== 1) return this.#place.address + index * (this.#stepBits >>> 3);
    throw new TypeError("the elements of this list are Bools");
  }

  #check(index: number): void {
    live(this.message);
    if (index >>> 0 !== index || index >= this.#count) throw new RangeError(`there is no element ${index} in a list of ${this.#count}`);
  }
}

function structSize(dataWords: number, pointers: number): number {
  return (checked(dataWords, 0xffff, "data words") | (checked(pointers, 0xffff, "pointers") << 16)) >>> 0;
}

function checked(value: number, most: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${value} ${what}: expected an integer from 0 to ${most}`);
}
