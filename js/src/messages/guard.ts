import { GROUP } from "../seam/fields.js";
import { checkPart, meant } from "../seam/mistakes.js";
import { listOf, ListView } from "./lists.js";
import { type Properties, type Shape, shapeOf, Struct } from "./struct.js";

/*
 * What is assigned to views and builders by mistake, and what lists are asked for. Their classes know nothing of it, and are given setters and
 * methods that do. Views get nothing that would make reading slower, and so keep names that are none of theirs.
 */

/** To be called once. */
export function guardLists(): void {
  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (name in ListView.prototype || name === "constructor") continue;
    const value = function (this: ListView): never {
      throw new TypeError(`${listOf(this).kind.name}: a list in a message has no ${name}(); toArray() makes an array, and \`for … of\` goes through it`);
    };
    Object.defineProperty(ListView.prototype, name, { value, configurable: true, writable: true });
  }
}

/** What a class is to have, which `propertiesOf` makes. Nothing is defined twice: that alone would make getters slower. */
export function guard(prototype: object, propertiesOf: Properties): Properties {
  let isGuarded = false;
  // In place of the name alone: with it `inspect.ts` says what the message holds.
  const tag = Object.getOwnPropertyDescriptor(Struct.prototype, Symbol.toStringTag);
  if (tag !== undefined) Object.defineProperty(prototype, Symbol.toStringTag, tag);
  return (field, name, shape) => {
    const properties = propertiesOf(field, name, shape);
    const property = properties[field.name];
    if (property?.get === undefined) return properties;
    const { set } = property;
    if (set === undefined) {
      property.set = () => {
        throw new TypeError(`${name} cannot be set: a view is for reading; build() begins a message to write`);
      };
      return properties;
    }
    if (!isGuarded) Object.setPrototypeOf(prototype, (guarded ??= Object.create(last, Object.getOwnPropertyDescriptors(Struct.prototype)) as object));
    isGuarded = true;
    if (field.type !== GROUP) return properties;
    property.set = function (value) {
      checkPart(field, name, value, "", 0);
      set.call(this, value);
    };
    return properties;
  };
}

/** What all builders have, as views do, and behind it what catches names that they do not have. */
let guarded: object | undefined;
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
