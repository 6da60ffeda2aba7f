import { isObject } from "../objects.js";
import { checkCurrent, type ListPlace } from "./behind.js";
import { behind, live, type Part, part, type Place } from "./place.js";
import type * as types from "./types.js";

/** The inside of a list, for functions over lists. */
export let listOf: (list: ListView) => ListPlace;

/** A list in a message, read where it lies. */
export class ListView<T = unknown> implements types.ListView<T>, Part {
  readonly [index: number]: T;
  readonly #list: ListPlace;

  constructor(list: ListPlace) {
    this.#list = list;
  }

  get length(): number {
    live(this.#list.message);
    return this.#list.count;
  }

  at(index: number): T {
    const list = this.#list;
    live(list.message);
    if (index >>> 0 !== index || index >= list.count) throw outside(list, index);
    return list.kind.get(list, index) as T;
  }

  toArray(): T[] {
    const values = new Array<T>(this.length);
    for (let i = 0; i < values.length; i++) values[i] = this.at(i);
    return values;
  }

  *[Symbol.iterator](): Generator<T, undefined> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  get [Symbol.toStringTag](): string {
    return "ListView";
  }

  [part](): Place {
    const list = this.#list;
    checkCurrent(list);
    return behind(list.message, list.pointer, list.nesting);
  }

  static is(value: unknown): value is ListView {
    return isObject(value) && #list in value;
  }

  static {
    listOf = (list) => list.#list;
    // Last in line, so that only what no list has by name comes here: elements by index, as of an array. Whatever takes
    // array-likes, such as the encoder, takes lists then, without a wrapper around each.
    Object.setPrototypeOf(
      this.prototype,
      new Proxy(
        {},
        {
          get: (target, key, list: ListView) => (isIndex(key) ? element(list, Number(key)) : Reflect.get(target, key, list)),
          set: (target, key, value, list: ListView) => {
            if (!isIndex(key)) return Reflect.set(target, key, value, list);
            throw new TypeError(`${list.#list.kind.name}: elements are not assigned to; a list under construction has set(index, value)`);
          },
        },
      ),
    );
  }
}

export function outside(list: ListPlace, index: unknown): RangeError {
  return new RangeError(`${list.kind.name}: there is no element ${String(index)} in a list of ${list.count}`);
}

function isIndex(key: string | symbol): boolean {
  return typeof key === "string" && /^\d+$/.test(key);
}

function element(list: ListView, index: number): unknown {
  return index < list.length ? list.at(index) : undefined;
}
