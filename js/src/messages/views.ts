import { isBytes } from "../buffers.js";
import type { DecodeOptions } from "../message.js";
import { unpackFrame } from "../packed/packed.js";
import type { StructDescriptor, StructInfo } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { wrong } from "../seam/writer.js";
import { AnyPointerView } from "./any.js";
import { type Follow, follower, type Mode } from "./behind.js";
import { ListView } from "./lists.js";
import { A_STRUCT, closeMessage, follow, foundStruct, openMessage, pointerAt } from "./place.js";
import { type Getter, scalarGetter } from "./scalars.js";
import { makeClass, ofMember, placeOf, type Shape, shapeOfGroup, shapeOfType, type Struct, type StructClass } from "./struct.js";

const classes = new WeakMap<StructInfo, StructClass>();

export const VIEWS: Mode = {
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
 */
export function read<View>(
  type: StructDescriptor<unknown, unknown, View>,
  bytes: Uint8Array,
  options?: DecodeOptions,
): View & Disposable {
  if (!isBytes(bytes)) throw wrong("read()", "a Uint8Array (of an ArrayBuffer, new Uint8Array(buffer) makes one)", bytes);
  const { $: info } = type as StructDescriptor;
  const message = openMessage(options?.packed ? unpackFrame(bytes, options) : bytes, options, info.name);
  try {
    follow(message, message.root, message.nesting, A_STRUCT, 0, info.name);
  } catch (error) {
    closeMessage(message);
    throw error;
  }
  return new (viewClass(info))(foundStruct(message, message.nesting - 1)) as Struct & View;
}

function viewClass(type: StructInfo): StructClass {
  let Class = classes.get(type);
  if (Class === undefined) classes.set(type, (Class = makeClass(shapeOfType(type), properties)));
  return Class;
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
  return field.type <= types.ENUM ? scalarGetter(field) : pointerGetter(field, follower(field, VIEWS, name, field.or));
}

/** A getter of what is behind a pointer. */
export function pointerGetter({ at }: types.Field, value: Follow): Getter {
  return function () {
    const place = placeOf(this);
    return value(place.message, pointerAt(place, at), place.nesting);
  };
}
