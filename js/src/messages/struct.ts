import { isObject } from "../objects.js";
import type { StructInfo } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { aid } from "../seam/outgoing.js";
import { dispose, frame, has } from "../symbols.js";
import { view } from "./memory.js";
import { flatten, frameOf } from "./output.js";
import { A_STRUCT, closeMessage, follow, foundAddress, live, type Part, part, type Place, pointerAt } from "./place.js";
import type { Getter } from "./scalars.js";

/*
 * A view or builder of a struct. Its class is made from the struct's table of fields and carries the schema's names and
 * symbols, nothing else, so that no name in a schema can clash; whatever else is done with one is a function.
 */

/** The inside of a view or builder, for functions over them. */
export let placeOf: (struct: Struct) => Place;

export class Struct implements Part {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Gives the message's memory back. All views and builders of its parts end with it. */
  [dispose](): void {
    closeMessage(this.#place.message);
  }

  /** The struct as a message of its own. */
  [frame](): Uint8Array<ArrayBuffer> {
    const { message, address, nesting } = this.#place;
    const { name } = shapeOf(this);
    live(message);
    if (message.isBuilt) {
      follow(message, message.root, nesting, A_STRUCT, 0, name);
      if (foundAddress() === address) return frameOf(message);
    }
    return flatten(this.#place, name);
  }

  [has](pointer: number): boolean {
    return pointerAt(this.#place, pointer) !== 0;
  }

  [part](): Place {
    return livePlace(this);
  }

  static is(value: unknown): value is Struct {
    return isObject(value) && #place in value;
  }

  static {
    placeOf = (struct) => struct.#place;
  }
}

export type StructClass = new (place: Place) => Struct;

/** What a class was made from. */
export interface Shape {
  readonly name: string;
  readonly fields: readonly types.Field[];
  readonly tagAt: number | undefined;
  /** Groups have none. */
  readonly type: StructInfo | undefined;
}

const shapes = new WeakMap<object, Shape>();

export function shapeOf(struct: Struct): Shape {
  return shapes.get(Object.getPrototypeOf(struct) as object) as Shape;
}

/** What a class has for one field. */
export type Properties = (field: types.Field, name: string, shape: Shape) => PropertyDescriptorMap;

/** `name` is the group's own, with the struct's in front. */
export function shapeOfGroup({ fields, tagAt }: types.Field, name: string): Shape {
  return { name, fields: fields?.() ?? [], tagAt, type: undefined };
}

/** What gives each type's class, made when it is asked for first. */
export function classesWith(propertiesOf: Properties): (type: StructInfo) => StructClass {
  const classes = new WeakMap<StructInfo, StructClass>();
  return (type) => {
    let Class = classes.get(type);
    if (Class === undefined) classes.set(type, (Class = makeClass({ name: type.name, fields: type.fields(), tagAt: type.tagAt, type }, propertiesOf)));
    return Class;
  };
}

export function makeClass(shape: Shape, propertiesOf: Properties): StructClass {
  const Class = class extends Struct {};
  const { prototype } = Class;
  shapes.set(prototype, shape);
  Object.defineProperty(Class, "name", { value: shape.name.slice(shape.name.indexOf(":") + 1) });
  // A plain value, since whoever shows the prototype to a person reads it there.
  Object.defineProperty(prototype, Symbol.toStringTag, { value: shape.name, configurable: true });
  const guarded = aid.guard?.(prototype, propertiesOf) ?? propertiesOf;
  for (const field of shape.fields) Object.defineProperties(prototype, guarded(field, `${shape.name}.${field.name}`, shape));
  if (shape.tagAt !== undefined) Object.defineProperty(prototype, "which", { get: which(shape), enumerable: true, configurable: true });
  return Class;
}

/** A getter of a union member: undefined while another one is there. */
export function ofMember(get: Getter, { tag }: types.Field, { tagAt }: Shape): Getter {
  if (tag === undefined || tagAt === undefined) return get;
  return function () {
    return tagOf(this, tagAt) === tag ? get.call(this) : undefined;
  };
}

function which(shape: Shape): Getter {
  const names: string[] = [];
  for (const { name, tag } of shape.fields) if (tag !== undefined) names[tag] = name;
  const tagAt = shape.tagAt as number;
  return function () {
    const tag = tagOf(this, tagAt);
    return names[tag] ?? tag;
  };
}

function tagOf(struct: Struct, tagAt: number): number {
  const { address, dataBytes } = livePlace(struct);
  return tagAt + 2 <= dataBytes ? view.getUint16(address + tagAt, true) : 0;
}

/** Where a struct is whose message must be open. */
export function livePlace(struct: Struct): Place {
  const place = placeOf(struct);
  live(place.message);
  return place;
}
