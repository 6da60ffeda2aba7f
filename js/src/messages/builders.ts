import { isObject } from "../objects.js";
import { checkType } from "../seam/check-type.js";
import type { StructDescriptor } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { wrong } from "../seam/writer.js";
import { AnyPointerBuilder } from "./any-builder.js";
import { type Follow, follower, kindOf, type Kind, type Mode, sizeOf } from "./behind.js";
import { ListBuilder, makeList } from "./list-builder.js";
import {
  A_STRUCT,
  behind,
  buildMessage,
  foundStruct,
  live,
  make,
  NOTHING,
  NO_LIMIT,
  openDefault,
  type OpenMessage,
  type Place,
  pointerAt,
  slotAt,
} from "./place.js";
import { type Getter, scalarGetter, writeBool, writeScalar } from "./scalars.js";
import { copyPart, setPointer } from "./set.js";
import {
  classesWith,
  makeClass,
  ofMember,
  livePlace,
  placeOf,
  type Shape,
  shapeOfGroup,
  type Struct,
} from "./struct.js";

type Setter = (this: Struct, value: unknown) => void;
type Init = (this: Struct, count: number) => unknown;

const builderClass = /* @__PURE__ */ classesWith(properties);

export const BUILDERS: Mode = {
  isFixed: false,
  classOf: builderClass,
  list: (place) => new ListBuilder(place),
  any: (message, pointer, nesting, name) => new AnyPointerBuilder(message, pointer, nesting, BUILDERS, name),
};

/**
 * Begins a message of the type, to be filled field by field and then encoded: `encode(builder)`. It must be released:
 * with `using`, or `release(builder)`.
 *
 * @example
 * using person = build(Person);
 * person.name = "Ada";
 * person.initPhones(1).at(0).number = "555-0100";
 * const bytes = encode(person);
 */
export function build<Builder>(type: StructDescriptor<unknown, unknown, unknown, Builder>): Builder & Disposable {
  checkType(type as StructDescriptor, "struct", "build()");
  const { $: info } = type as StructDescriptor;
  const message = buildMessage(info.name);
  make(message, message.root, A_STRUCT, 0, sizeOf(info), info.name);
  return new (builderClass(info))(foundStruct(message, NO_LIMIT)) as Struct & Builder;
}

function properties(field: types.Field, name: string, shape: Shape): PropertyDescriptorMap {
  const { get, set, init } = accessors(field, name);
  const select = selector(field, shape);
  const property: PropertyDescriptor = { get: ofMember(get, field, shape), enumerable: true, configurable: true };
  property.set = function (this: Struct, value: unknown) {
    set.call(this, value);
    select(placeOf(this));
  };
  const found: PropertyDescriptorMap = { [field.name]: property };
  if (init !== undefined) {
    const value = function (this: Struct, count: number): unknown {
      const made = init.call(this, count);
      select(placeOf(this));
      return made;
    };
    found[initName(field.name, shape)] = { value, writable: true, configurable: true };
  }
  return found;
}

function initName(name: string, { fields }: Shape): string {
  let init = `init${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
  while (fields.some((field) => field.name === init)) init += "_";
  return init;
}

/** Makes a union member the one that is there. */
function selector({ tag }: types.Field, { tagAt }: Shape): (place: Place) => void {
  if (tag === undefined || tagAt === undefined) return () => {};
  return (place) => selectTag(place, tagAt, tag);
}

interface Accessors {
  readonly get: Getter;
  readonly set: Setter;
  readonly init?: Init | undefined;
}

function accessors(field: types.Field, name: string): Accessors {
  if (field.type === types.GROUP) return groupAccessors(field, name);
  return field.type <= types.ENUM ? scalarAccessors(field, name) : pointerAccessors(field, name);
}

function scalarAccessors(field: types.Field, name: string): Accessors {
  const { type, at, or } = field;
  return {
    get: scalarGetter(field),
    set(value) {
      const { message, address } = placeOf(this);
      if (type === types.BOOL) writeBool(message, address, at, value, or === true, name);
      else writeScalar(message, address + at, value, field, or, name);
    },
  };
}

function pointerAccessors(field: types.Field, name: string): Accessors {
  const { type, at, or } = field;
  const isBlob = type === types.TEXT || type === types.DATA;
  const value = follower(field, BUILDERS, name, isBlob ? or : undefined);
  const get = pointerGetter(field, value);
  return {
    get: or === undefined || isBlob ? get : withDefault(get, field, name),
    set(value) {
      const place = placeOf(this);
      setPointer(place.message, slotAt(place, at), field, value, name);
    },
    init: initializer(field, name),
  };
}

function pointerGetter({ at }: types.Field, value: Follow): Getter {
  return function () {
    const place = placeOf(this);
    return value(place.message, pointerAt(place, at), place.nesting);
  };
}

/** Puts a copy of the default where there is nothing, so that it can be changed. */
function withDefault(get: Getter, { at, or }: types.Field, name: string): Getter {
  let holder: OpenMessage | undefined;
  return function () {
    const place = placeOf(this);
    if (pointerAt(place, at) === 0) {
      holder ??= openDefault(or as Uint8Array, name);
      copyPart(place.message, slotAt(place, at), behind(holder, holder.root, NO_LIMIT), name);
    }
    return get.call(this);
  };
}

function initializer({ type, of, at }: types.Field, name: string): Init | undefined {
  if (type === types.STRUCT) {
    const info = (of as StructDescriptor).$;
    return function () {
      const place = placeOf(this);
      make(place.message, slotAt(place, at), A_STRUCT, 0, sizeOf(info), name);
      return new (builderClass(info))(foundStruct(place.message, NO_LIMIT));
    };
  }
  if (type !== types.LIST) return undefined;
  let kind: Kind | undefined;
  return function (count) {
    const place = placeOf(this);
    kind ??= kindOf(of as types.Element, BUILDERS, name);
    return new ListBuilder(makeList(place.message, slotAt(place, at), NO_LIMIT, kind, count));
  };
}

// ---- groups ----

function groupAccessors(field: types.Field, name: string): Accessors {
  const shape = once(() => shapeOfGroup(field, name));
  const Class = once(() => makeClass(shape(), properties));
  const get: Getter = function () {
    return new (Class())(livePlace(this));
  };
  return {
    get,
    set(value) {
      const place = livePlace(this);
      if (!isObject(value)) throw wrong(name, "an object", value);
      assign(new (Class())(place), value as Record<string, unknown>, shape(), name);
    },
    init:
      field.tag === undefined
        ? undefined
        : function () {
            clearAll(placeOf(this), shape());
            return get.call(this);
          },
  };
}

/** Fields that the value lacks become what they are by default. */
function assign(group: Struct, value: Record<string, unknown>, { fields, tagAt }: Shape, name: string): void {
  const place = placeOf(group);
  const target = group as unknown as Record<string, unknown>;
  const which = tagAt === undefined ? undefined : (value.which ?? 0);
  let isKnown = typeof which !== "string";
  for (const field of fields) {
    const isMember = field.tag !== undefined;
    if (isMember && which !== field.name && which !== field.tag) continue;
    isKnown = true;
    const given = value[field.name] ?? undefined;
    if (given === undefined) clear(place, field);
    else target[field.name] = given;
    if (isMember) selectTag(place, tagAt as number, field.tag);
  }
  if (!isKnown) throw wrong(`${name}.which`, "the name of a union member", which);
  if (typeof which === "number") selectTag(place, tagAt as number, which);
}

function clearAll(place: Place, { fields, tagAt }: Shape): void {
  for (const field of fields) clear(place, field);
  if (tagAt !== undefined) selectTag(place, tagAt, 0);
}

function clear(place: Place, field: types.Field): void {
  const { type, at, or, name } = field;
  const { message, address } = place;
  if (type === types.GROUP) clearAll(place, shapeOfGroup(field, name));
  else if (type === types.BOOL) writeBool(message, address, at, or === true, or === true, name);
  else if (type <= types.ENUM) writeScalar(message, address + at, or ?? (type === types.VOID ? undefined : 0), field, or, name);
  else if (pointerAt(place, at) !== 0) make(message, slotAt(place, at), NOTHING, 0, 0, name);
}

function selectTag({ message, address }: Place, tagAt: number, tag: number): void {
  live(message).setUint16(address + tagAt, tag, true);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
