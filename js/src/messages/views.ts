import type { DecodeOptions } from "../message.js";
import { frameIn } from "../packed/packed.js";
import { checkType } from "../seam/check-type.js";
import type { StructDescriptor } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { u8 } from "./memory.js";
import { AnyPointerView } from "./any.js";
import { type Follow, follower, type Mode } from "./behind.js";
import { ListView } from "./lists.js";
import {
  A_DATA,
  A_STRUCT,
  closeMessage,
  follow,
  foundAddress,
  foundCount,
  foundStruct,
  live,
  openMessage,
  pointerAt,
} from "./place.js";
import { type Getter, scalarGetter } from "./scalars.js";
import { classesWith, makeClass, ofMember, placeOf, type Shape, shapeOfGroup, type Struct, type StructClass } from "./struct.js";

const viewClass = /* @__PURE__ */ classesWith(properties);

export const VIEWS: Mode = {
  isFixed: true,
  classOf: viewClass,
  list: (place) => new ListView(place),
  any: (message, pointer, nesting, name) => new AnyPointerView(message, pointer, nesting, VIEWS, name),
};

/**
 * Opens a message to read some of its fields where they lie. Nothing is looked at before it is asked for, and nothing
 * but what is asked for is copied out. The view must be released: with `using`, or `release(view)`.
 *
 * @throws CapnpError saying what is wrong with the message and where, also from the view's fields; TypeError for what
 * is no bytes.
 * @example
 * using person = read(Person, bytes);
 * const number = person.phones.at(0)?.number;
 */
export function read<View>(
  type: StructDescriptor<unknown, unknown, View>,
  bytes: Uint8Array,
  options?: DecodeOptions,
): View & Disposable {
  checkType(type as StructDescriptor, "struct", "read()");
  const { $: info } = type as StructDescriptor;
  const message = openMessage(frameIn("read()", bytes, options), options, info.name);
  try {
    follow(message, message.root, message.nesting, A_STRUCT, 0, info.name);
  } catch (error) {
    closeMessage(message);
    throw error;
  }
  return new (viewClass(info))(foundStruct(message, message.nesting - 1)) as Struct & View;
}

function properties(field: types.Field, name: string, shape: Shape): PropertyDescriptorMap {
  // As in decoded objects: nothing can be said of a Void.
  if (field.type === types.VOID) return {};
  return { [field.name]: { get: ofMember(getter(field, name), field, shape), enumerable: true, configurable: true } };
}

function getter(field: types.Field, name: string): Getter {
  if (field.type === types.GROUP) {
    let Class: StructClass | undefined;
    return function () {
      return new (Class ??= makeClass(shapeOfGroup(field, name), properties))(placeOf(this));
    };
  }
  if (field.type <= types.ENUM) return scalarGetter(field);
  return field.type === types.DATA ? dataGetter(field, name) : pointerGetter(field, follower(field, VIEWS, name, field.or));
}

function pointerGetter({ at }: types.Field, value: Follow): Getter {
  return function () {
    const place = placeOf(this);
    const { message, nesting, pointers } = place;
    live(message);
    // Members of a union may share a pointer, but only one of them is ever there.
    const known = (place.known ??= new Array<unknown>(pointers));
    return (known[at] ??= value(message, pointerAt(place, at), nesting));
  };
}

/** What is kept is only where the bytes are: each caller gets a copy. */
function dataGetter({ at, or }: types.Field, name: string): Getter {
  return function () {
    const place = placeOf(this);
    const { message, nesting, pointers } = place;
    const pointer = pointerAt(place, at);
    if (pointer === 0) return new Uint8Array((or as Uint8Array | undefined) ?? []);
    const known = (place.known ??= new Array<unknown>(pointers));
    let found = known[at] as { start: number; end: number } | undefined;
    if (found === undefined) {
      follow(message, pointer, nesting, A_DATA, 0, name);
      known[at] = found = { start: foundAddress(), end: foundAddress() + foundCount() };
    }
    return u8.slice(found.start, found.end);
  };
}
