import { wasm } from "./memory.js";
import * as types from "../seam/fields.js";
import { dispose } from "../symbols.js";
import { elementSlot, nameOf, sameType } from "./behind.js";
import { listOf, ListView } from "./lists.js";
import { live, NONE, type OpenMessage, refused, slotAt } from "./place.js";
import { placeOf, shapeOf, Struct } from "./struct.js";
import type { ListBuilder } from "./types.js";

const USED = -1;

/** A value that belongs to a message under construction but to no place in it. */
export class Orphan<T = unknown> {
  /** Never there at run time. */
  declare readonly value?: T;
  readonly #message: OpenMessage;
  readonly #element: types.Element;
  #id: number;

  constructor(message: OpenMessage, element: types.Element, id: number) {
    this.#message = message;
    this.#element = element;
    this.#id = id;
  }

  /** Lets go of a value that nobody wants, so that it does not leave with the message. */
  [dispose](): void {
    const id = this.#id;
    if (id === USED || this.#message.id < 0) return;
    this.#id = USED;
    wasm.message_orphan(this.#message.id, 0, id);
  }

  static of(message: OpenMessage, slot: number, element: types.Element, name: string): Orphan<never> {
    const id = wasm.message_orphan(message.id, slot, NONE) >>> 0;
    if (id === NONE) throw refused(name);
    live(message);
    return new Orphan(message, element, id);
  }

  static into(message: OpenMessage, slot: number, element: types.Element, orphan: Orphan, name: string): void {
    if (wasm.message_orphan(message.id, slot, Orphan.#take(orphan, message, element, name)) !== 0) throw refused(name);
    live(message);
  }

  /** An AnyPointer takes, and gives, everything. */
  static #take(orphan: Orphan, message: OpenMessage, element: types.Element, name: string): number {
    if (typeof orphan !== "object" || orphan === null || !(#id in orphan)) throw new TypeError(`${name}: expected an orphan, as disown() returns`);
    if (orphan.#id === USED) throw new TypeError(`${name}: the orphan was adopted or discarded before`);
    if (orphan.#message !== message) {
      throw new TypeError(`${name}: an orphan can be adopted only by the message it came from; set the field to a copy instead`);
    }
    const isAny = orphan.#element.type === types.ANY || element.type === types.ANY;
    if (!isAny && !sameType(orphan.#element, element)) {
      throw new TypeError(`${name}: expected an orphan of ${nameOf(element)}, got one of ${nameOf(orphan.#element)}`);
    }
    const id = orphan.#id;
    orphan.#id = USED;
    return id;
  }
}

/**
 * Takes what is in a builder's field, or in an element of a list, out of its place, which is empty then. Nothing is
 * copied: `adopt` puts it elsewhere in the same message.
 */
export function disown<T>(list: ListBuilder<T, never>, index: number): Orphan<NonNullable<T>>;
export function disown<B extends object, K extends string & keyof B>(builder: B, field: K): Orphan<NonNullable<B[K]>>;
export function disown(owner: object, field: string | number): Orphan {
  const { message, slot, element, name } = slotOf(owner, field);
  return Orphan.of(message, slot, element, name);
}

/** Puts an orphan into a field, or an element of a list, of the message it came from, in place of what was there. */
export function adopt<T>(list: ListBuilder<T, never>, index: number, orphan: Orphan<NonNullable<T>>): void;
export function adopt<B extends object, K extends string & keyof B>(builder: B, field: K, orphan: Orphan<NonNullable<B[K]>>): void;
export function adopt(owner: object, field: string | number, orphan: Orphan): void {
  const { message, slot, element, name, select } = slotOf(owner, field);
  Orphan.into(message, slot, element, orphan, name);
  select();
}

interface Slot {
  readonly message: OpenMessage;
  readonly slot: number;
  readonly element: types.Element;
  readonly name: string;
  readonly select: () => void;
}

function slotOf(owner: object, field: string | number): Slot {
  if (ListView.is(owner)) {
    const list = listOf(owner);
    const { message, count, kind } = list;
    const { element, name } = kind;
    const index = field as number;
    checkBuilt(message, name);
    if (index >>> 0 !== index || index >= count) throw new RangeError(`${name}: there is no element ${field} in a list of ${count}`);
    if (!isPointer(element.type)) throw new TypeError(`${name}: a List(${nameOf(element)}) has no elements that could be apart from it`);
    return { message, slot: elementSlot(list, index), element, name, select: () => {} };
  }
  if (!Struct.is(owner)) throw new TypeError("disown() and adopt() want a builder, or a list in one");
  const place = placeOf(owner);
  const { message } = place;
  const shape = shapeOf(owner);
  const name = `${shape.name}.${field}`;
  checkBuilt(message, name);
  const found = shape.fields.find((each) => each.name === field);
  if (found === undefined || !isPointer(found.type)) {
    throw new TypeError(`${name}: ${found === undefined ? "there is no such field" : "only what is behind a pointer can be apart from its struct"}`);
  }
  const { tag, at } = found;
  const { tagAt } = shape;
  if (tag === undefined || tagAt === undefined) return { message, slot: slotAt(place, at), element: found, name, select: () => {} };
  return {
    message,
    slot: slotAt(place, at),
    element: found,
    name,
    select: () => live(message).setUint16(place.address + tagAt, tag, true),
  };
}

const isPointer = types.isPointer;

function checkBuilt(message: OpenMessage, name: string): void {
  live(message);
  if (!message.isBuilt) throw new TypeError(`${name}: the message can only be read; disown() and adopt() are for messages under construction`);
}
