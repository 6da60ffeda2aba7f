import * as types from "../seam/fields.js";
import { tooLong, wrong } from "../seam/writer.js";
import { elementSlot, type Kind, kindOf, ListPlace } from "./behind.js";
import { listOf, ListView, outside } from "./lists.js";
import { A_DATA, A_TEXT, live, make, type OpenMessage } from "./place.js";
import { setElement } from "./set.js";
import type * as declared from "./types.js";

/** A list in a message under construction. */
export class ListBuilder<T = unknown, In = T> extends ListView<T> implements declared.ListBuilder<T, In> {
  set(index: number, value: In | T): void {
    setElement(inside(this, index), index, value);
  }

  init(index: number, count: number): T {
    const list = inside(this, index);
    const { message, nesting, kind } = list;
    const { element, mode, name } = kind;
    const slot = elementSlot(list, index);
    if (element.type === types.LIST) {
      return mode.list(makeList(message, slot, nesting - 1, kindOf(element.of as types.Element, mode, name), count)) as T;
    }
    if (element.type !== types.TEXT && element.type !== types.DATA) {
      throw new TypeError(`${name}: only elements that are lists, Text or Data are made with a count`);
    }
    checkCount(count, 0, name);
    make(message, slot, element.type === types.TEXT ? A_TEXT : A_DATA, count, 0, name);
    return this.at(index);
  }

  override get [Symbol.toStringTag](): string {
    return "ListBuilder";
  }
}

function inside(list: ListView, index: number): ListPlace {
  const place = listOf(list);
  live(place.message);
  if (index >>> 0 !== index || index >= place.count) throw outside(place, index);
  return place;
}

/** A new list behind a pointer. */
export function makeList(message: OpenMessage, slot: number, nesting: number, kind: Kind, count: number): ListPlace {
  checkCount(count, (kind.size & 0xffff) + (kind.size >>> 16), kind.name);
  make(message, slot, kind.wanted, count, kind.size, kind.name);
  return new ListPlace(message, slot, nesting, kind);
}

function checkCount(count: number, structWords: number, name: string): void {
  if (!Number.isInteger(count) || count < 0) throw wrong(name, "a number of elements", count);
  if (count > types.MAX_LIST || count * structWords > types.MAX_LIST) throw tooLong(name, count, "elements");
}
