import { isBytes } from "./buffers.js";
import { canonicalize } from "./canonical.js";
import { messageOf } from "./errors.js";
import { AnyPointerView } from "./messages/any.js";
import { type Follow, follower } from "./messages/behind.js";
import { listOf, ListView } from "./messages/lists.js";
import { flatten } from "./messages/output.js";
import { NO_LIMIT, type OpenMessage, type Part, part } from "./messages/place.js";
import { placeOf, shapeOf, Struct } from "./messages/struct.js";
import { VIEWS } from "./messages/views.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { CAP, DATA, type Element, type Field, isPointer, TEXT, VOID } from "./seam/fields.js";
import { has } from "./symbols.js";

/*
 * Views and builders as consoles and assertions see them. They have no properties of their own: what they show lies in a
 * message, behind getters. Consoles ask an object how it wants to be shown, by a symbol, and assertions first compare what
 * `Object.prototype.toString` says of two objects.
 */

/** What a console gives to whoever shows himself, as far as it matters here. */
interface Options {
  /** Elements of a list to show; null for all. */
  readonly maxArrayLength?: number | null | undefined;
  stylize?(text: string, style: string): string;
}

/** Known to Node, Deno and Bun. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
/** Bytes of Data that are shown. */
const SHOWN_BYTES = 16;
const SHOWN_ELEMENTS = 100;

/** To be called once, by the entry points for places that have such consoles, and where size does not matter. */
export function makeInspectable(): void {
  define(Struct.prototype, (struct) => shapeOf(struct).name, showStruct);
  define(ListView.prototype, (list) => list.constructor.name, showList);
  define(AnyPointerView.prototype, () => "AnyPointer", () => new Words("[AnyPointer]"));
}

/** `show` gives what the console shows in the object's place; `depth` is below 0 where that is its kind only. */
function define<T extends Part>(prototype: T, nameOf: (of: T) => string, show: (shown: T, depth: number | null, options: Options) => unknown): void {
  Object.defineProperties(prototype, {
    [CUSTOM]: {
      value(this: T, depth: number | null, options: Options): unknown {
        // Consoles also show prototypes.
        return isInstance(this) ? show(this, depth, options) : this;
      },
      configurable: true,
    },
    [Symbol.toStringTag]: {
      get(this: T) {
        return isInstance(this) ? `${nameOf(this)} ${digest(this)}` : undefined;
      },
      configurable: true,
    },
  });
}

function isInstance(value: unknown): boolean {
  return ListView.is(value) || value instanceof AnyPointerView || Struct.is(value);
}

// ---- consoles ----

/** Text that a console shows as it is. */
class Words {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  [CUSTOM](_depth: unknown, options: Options): string {
    return options.stylize?.(this.#text, "special") ?? this.#text;
  }
}

function showStruct(struct: Struct, depth: number | null): unknown {
  const { name } = struct.constructor;
  const { message } = placeOf(struct);
  if (isOver(message)) return new Words(`[${name}: released]`);
  if (depth !== null && depth < 0) return new Words(`[${name}]`);
  const { fields, tagAt } = shapeOf(struct);
  const values = struct as unknown as Readonly<Record<string, unknown>>;
  const shown = new (named(name, Object))() as Record<string, unknown>;
  const show = (field: Field): void => {
    if (field.type !== VOID) shown[field.name] = showValue(field, () => readFrom(struct, field, message));
  };
  for (const field of fields) if (field.tag === undefined) show(field);
  if (tagAt === undefined) return shown;
  const which = values["which"];
  shown["which"] = which;
  for (const field of fields) if (field.name === which && field.tag !== undefined) show(field);
  return shown;
}

function showList(list: ListView, depth: number | null, options: Options): unknown {
  const { message, kind, count } = listOf(list);
  const { name } = list.constructor;
  if (isOver(message)) return new Words(`[${name}: released]`);
  if (depth !== null && depth < 0) return new Words(`[${name}]`);
  // What is not shown is not read.
  const shown = new (named(name, Array))(count) as unknown[];
  const { maxArrayLength: most = SHOWN_ELEMENTS } = options;
  for (let i = 0, n = Math.min(count, most ?? count); i < n; i++) shown[i] = showValue(kind.element, () => list.at(i));
  return shown;
}

/** Whatever is wrong with the message stands where the value would. */
function showValue({ type, of }: Element, read: () => unknown): unknown {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    if (type === CAP) return new Words(`[capability ${(of as InterfaceDescriptor).$.name}]`);
    return new Words(`[${messageOf(error)}]`);
  }
  return type === DATA && isBytes(value) ? showData(value) : value;
}

function showData(bytes: Uint8Array): Words {
  const digits = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0"));
  if (bytes.length > SHOWN_BYTES) digits.push("…");
  return new Words(["<Data", `${bytes.length}:`, ...digits].join(" ") + ">");
}

/** As the getter, but of a builder that puts a default where there is nothing: looking at it must not change it. */
function readFrom(struct: Struct, field: Field, message: OpenMessage): unknown {
  const { type, at, name, or } = field;
  const isWritten = message.isBuilt && or !== undefined && isPointer(type) && type !== TEXT && type !== DATA;
  if (!isWritten || struct[has](at)) return (struct as unknown as Readonly<Record<string, unknown>>)[name];
  if (field.tag !== undefined && (struct as unknown as { which: unknown }).which !== name) return undefined;
  let byDefault = defaults.get(field);
  if (byDefault === undefined) defaults.set(field, (byDefault = follower(field, VIEWS, name, or)));
  return byDefault(message, 0, NO_LIMIT);
}

const defaults = new WeakMap<Field, Follow>();

function isOver(message: OpenMessage): boolean {
  return message.id < 0;
}

function named<T extends ObjectConstructor | ArrayConstructor>(name: string, Base: T): T {
  const Class = Object.defineProperty(class extends (Base as ObjectConstructor) {}, "name", { value: name });
  // Where Bun looks for it.
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: name });
  return Class as unknown as T;
}

// ---- assertions ----

/** Objects that cannot be told apart by what they hold. */
const strangers = new WeakMap<object, number>();
let count = 0;

/** The same for what holds the same, whatever way it is stored; of what cannot be read, never the same. */
function digest(value: Part): string {
  try {
    const place = value[part]();
    const bytes = flatten(place, place.message.name);
    return hash(canonicalOr(bytes));
  } catch {
    const number = strangers.get(value) ?? ++count;
    strangers.set(value, number);
    return `unreadable ${number}`;
  }
}

/** Capabilities have no canonical form. */
function canonicalOr(bytes: Uint8Array): Uint8Array {
  try {
    return canonicalize(bytes, { traversalLimitWords: 0xffffffff, nestingLimit: NO_LIMIT });
  } catch {
    return bytes;
  }
}

/** Twice FNV-1a, from different starts: 64 bits, so that no test meets two that are the same by chance. */
function hash(bytes: Uint8Array): string {
  let [low, high] = [0x811c9dc5, 0x050c5d1f];
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte ^ (low >>> 24), 0x01000193);
  }
  return [high, low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
