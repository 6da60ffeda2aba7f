import { CapnpError } from "../errors.js";
import type { EnumDescriptor, InterfaceDescriptor, StructDescriptor, StructInfo } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { READS } from "./scalars.js";
import {
  A_CAPABILITY,
  A_DATA,
  A_STRUCT,
  A_TEXT,
  ANY_LIST,
  follow,
  foundAddress,
  foundCount,
  foundDataBytes,
  foundPointers,
  foundStepBits,
  foundStruct,
  isNull,
  live,
  NO_LIMIT,
  type OpenMessage,
  openDefault,
  Place,
  POINTER_LIST,
  STRUCT_LIST,
} from "./place.js";
import type { StructClass } from "./struct.js";
import { foundData, foundText } from "./text.js";

/*
 * From pointers to values, for a type: the same for fields of structs, elements of lists and whatever an AnyPointer is
 * taken for. What is made for a type is made once and kept by whoever asked.
 */

/** What a pointer leads to; 0 is a null pointer. */
export type Follow = (message: OpenMessage, pointer: number, nesting: number) => unknown;

/** What views and builders differ in. */
export interface Mode {
  /** Whether what was found once may be kept. */
  readonly isFixed: boolean;
  classOf(type: StructInfo): StructClass;
  list(place: ListPlace): object;
  any(message: OpenMessage, pointer: number, nesting: number, name: string): object;
}

/** Where a list is. */
export class ListPlace {
  declare readonly message: OpenMessage;
  /** 0 for a list that is not there, and so empty. */
  declare readonly pointer: number;
  declare readonly address: number;
  declare readonly count: number;
  declare readonly stepBits: number;
  /** Of one element seen as a struct. */
  declare readonly dataBytes: number;
  /** How many structs and lists may still be entered from the list's pointer. */
  declare readonly nesting: number;
  declare readonly pointers: number;
  declare readonly kind: Kind;
  /** What a view has found behind its elements. */
  known: unknown[] | undefined = undefined;

  /** The list that was found last; the empty list when `pointer` is 0. */
  constructor(message: OpenMessage, pointer: number, nesting: number, kind: Kind) {
    const isThere = pointer !== 0;
    this.message = message;
    this.pointer = pointer;
    this.address = isThere ? foundAddress() : 0;
    this.count = isThere ? foundCount() : 0;
    this.stepBits = isThere ? foundStepBits() : 0;
    this.dataBytes = isThere ? foundDataBytes() : 0;
    this.pointers = isThere ? foundPointers() : 0;
    this.nesting = nesting;
    this.kind = kind;
  }
}

/** What lists of a type have in common. */
export interface Kind {
  readonly element: types.Element;
  readonly mode: Mode;
  /** As errors call the list. */
  readonly name: string;
  /** Of the elements, on the wire. */
  readonly wanted: number;
  /** Of struct elements, as a builder must have them. */
  readonly size: number;
  /** The element at an index that is in the list. */
  get(list: ListPlace, index: number): unknown;
}

export function sizeOf({ dataWords, pointers }: StructInfo): number {
  return dataWords | (pointers << 16);
}

/** Where an element is, but for Bool. */
export function elementAt(list: ListPlace, index: number): number {
  return list.address + index * (list.stepBits >>> 3);
}

/** Where an element that is a pointer is. */
export function elementSlot(list: ListPlace, index: number): number {
  return elementAt(list, index) + list.dataBytes;
}

/** Where an element that is a struct is. */
export function elementPlace(list: ListPlace, index: number): Place {
  return new Place(list.message, elementAt(list, index), list.dataBytes, list.pointers, list.nesting - 2);
}

export function follower(element: types.Element, mode: Mode, name: string, or?: types.Field["or"]): Follow {
  switch (element.type) {
    case types.TEXT: {
      const byDefault = (or as string | undefined) ?? "";
      return (message, pointer, nesting) => {
        if (pointer === 0) return byDefault;
        follow(message, pointer, nesting, A_TEXT, 0, name);
        return foundText();
      };
    }
    case types.DATA:
      return (message, pointer, nesting) => {
        if (pointer === 0) return new Uint8Array((or as Uint8Array | undefined) ?? []);
        follow(message, pointer, nesting, A_DATA, 0, name);
        return foundData();
      };
    case types.STRUCT: {
      const type = (element.of as StructDescriptor).$;
      const size = sizeOf(type);
      let Class: StructClass | undefined;
      const there: Follow = (message, pointer, nesting) => {
        follow(message, pointer, nesting, A_STRUCT, size, name);
        return new (Class ??= mode.classOf(type))(foundStruct(message, nesting - 1));
      };
      return orDefault(there, () => undefined, name, or);
    }
    case types.LIST: {
      let kind: Kind | undefined;
      const there: Follow = (message, pointer, nesting) => {
        kind ??= kindOf(element.of as types.Element, mode, name);
        if (pointer !== 0) follow(message, pointer, nesting, kind.wanted, kind.size, name);
        return mode.list(new ListPlace(message, pointer, nesting, kind));
      };
      return orDefault(there, there, name, or);
    }
    case types.CAP:
      return (message, pointer, nesting) => {
        if (pointer === 0) return undefined;
        follow(message, pointer, nesting, A_CAPABILITY, 0, name);
        const type = (element.of as InterfaceDescriptor).$.name;
        throw new CapnpError(
          "failed",
          `${name}: capability ${foundCount()} cannot become a client of ${type}: a message by itself has no capabilities, only one that came over a connection`,
        );
      };
    default:
      return orDefault((message, pointer, nesting) => mode.any(message, pointer, nesting, name), () => undefined, name, or);
  }
}

/** Reads a default from a message that holds it. */
function orDefault(there: Follow, absent: Follow, name: string, or: types.Field["or"]): Follow {
  let holder: OpenMessage | undefined;
  return (message, pointer, nesting) => {
    if (pointer !== 0) return there(message, pointer, nesting);
    if (or === undefined) return absent(message, 0, nesting);
    holder ??= openDefault(or as Uint8Array, name);
    return there(holder, holder.root, holder.nesting);
  };
}

export function kindOf(element: types.Element, mode: Mode, name: string): Kind {
  const { type } = element;
  const kind = (wanted: number, get: Kind["get"], size = 0): Kind => ({ element, mode, name, wanted, size, get });
  if (type === types.STRUCT) {
    const info = (element.of as StructDescriptor).$;
    let Class: StructClass | undefined;
    return kind(STRUCT_LIST, (list, index) => new (Class ??= mode.classOf(info))(elementPlace(list, index)), sizeOf(info));
  }
  if (type > types.ENUM) {
    const value = follower(element, mode, name);
    const get: Kind["get"] = (list, index) => {
      const slot = elementSlot(list, index);
      return value(list.message, isNull(live(list.message), slot) ? 0 : slot, list.nesting - 1);
    };
    // Rows of a matrix are asked for again and again, and are long; texts are mostly read once, and would be in memory twice.
    if (type !== types.LIST || !mode.isFixed) return kind(POINTER_LIST, get);
    return kind(POINTER_LIST, (list, index) => {
      live(list.message);
      const known = (list.known ??= []);
      return (known[index] ??= get(list, index));
    });
  }
  const wanted = types.ELEMENT_SIZES[type] as number;
  if (type === types.VOID) return kind(wanted, () => undefined);
  if (type === types.BOOL) {
    return kind(wanted, ({ message, address }, index) => ((live(message).getUint8(address + (index >>> 3)) >> (index & 7)) & 1) !== 0);
  }
  if (type === types.ENUM) {
    const { names } = (element.of as EnumDescriptor).$;
    return kind(wanted, (list, index) => {
      const ordinal = live(list.message).getUint16(elementAt(list, index), true);
      return names[ordinal] ?? ordinal;
    });
  }
  const read = READS[type - types.I8] as (memory: DataView, at: number) => unknown;
  return kind(wanted, (list, index) => read(live(list.message), elementAt(list, index)));
}

/** A list is copied through its pointer, which may lead elsewhere by now. */
export function checkCurrent(list: ListPlace): void {
  const { message, pointer, address, kind } = list;
  const memory = live(message);
  if (!message.isBuilt || pointer === 0) return;
  const isGone = isNull(memory, pointer);
  if (!isGone) follow(message, pointer, NO_LIMIT, ANY_LIST, 0, kind.name);
  if (isGone || foundAddress() !== address) throw new TypeError(`${kind.name}: the list was replaced or disowned since it was got`);
}

/** Whether two are the same type. */
export function sameType(one: types.Element, other: types.Element): boolean {
  if (one.type !== other.type) return false;
  if (one.type === types.LIST) return sameType(one.of as types.Element, other.of as types.Element);
  const [type, otherType] = [one.of as StructDescriptor | undefined, other.of as StructDescriptor | undefined];
  return type === otherType || type?.$ === otherType?.$;
}

/** As people call a type. */
export function nameOf({ type, of }: types.Element): string {
  if (type === types.LIST) return `List(${nameOf(of as types.Element)})`;
  if (of !== undefined) return (of as StructDescriptor).$.name;
  return NAMES[type] ?? "?";
}

const NAMES =
  "Void Bool Int8 UInt8 Int16 UInt16 Int32 UInt32 Int64 UInt64 Float32 Float64 enum Text Data struct List interface AnyPointer".split(" ");
