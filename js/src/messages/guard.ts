import { type Field, GROUP } from "../seam/fields.js";
import { checkPart, meant } from "../seam/mistakes.js";
import { listOf, ListView } from "./lists.js";
import { type Shape, shapeOf, Struct } from "./struct.js";

/*
 * What is assigned to views and builders by mistake. Their classes know nothing of it, and are given setters that do.
 */

/** To be called once, before there are views or builders. */
export function guardAll(): void {
  // Last in line, so that only names come here that the view or builder does not have.
  const last = new Proxy(
    {},
    {
      set(target, key, value, struct: Struct) {
        const shape = shapeOf(struct) as Shape | undefined;
        if (shape === undefined || typeof key === "symbol") return Reflect.set(target, key, value, struct);
        throw new TypeError(`${shape.name} has no field ${key}${meant(key, shape.fields)}`);
      },
    },
  );
  Object.setPrototypeOf(Struct.prototype, last);
  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (name in ListView.prototype || name === "constructor") continue;
    const value = function (this: ListView): never {
      throw new TypeError(`${listOf(this).kind.name}: a list in a message has no ${name}(); toArray() makes an array, and \`for … of\` goes through it`);
    };
    Object.defineProperty(ListView.prototype, name, { value, configurable: true, writable: true });
  }
}

/** Of one class. */
export function guard(prototype: object, { name, fields }: Shape): void {
  // Its name: with it `inspect.ts` says what the message holds.
  delete (prototype as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (property.get === undefined) continue;
    const set = setter(`${name}.${key}`, fields.find((field) => field.name === key), property.set);
    if (set !== undefined) Object.defineProperty(prototype, key, { ...property, set });
  }
}

type Setter = (value: unknown) => void;

/** In place of a property's own; undefined where that says itself what is wrong. */
function setter(name: string, field: Field | undefined, set: Setter | undefined): Setter | undefined {
  if (set !== undefined && field?.type !== GROUP) return undefined;
  return function (this: object, value: unknown): void {
    if (field === undefined) throw new TypeError(`${name} cannot be set; setting a member of the union does it`);
    if (set === undefined) throw new TypeError(`${name} cannot be set: a view is for reading; build() begins a message to write`);
    checkPart(field, name, value, "", 0);
    set.call(this, value);
  };
}
