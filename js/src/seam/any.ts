import { NO_BYTES } from "../buffers.js";
import { isObject } from "../objects.js";
import type { AnyPointerBuilder, AnyPointerView } from "../messages/types.js";
import type { Types } from "./descriptor.js";
import { ANY } from "./fields.js";
import type { Reader } from "./reader.js";
import { type PointerDescriptor, type PointerType, put } from "./types.js";
import { checkBytes, type Writer, wrong } from "./writer.js";

/** What an AnyPointer field takes: what one held, or a value with its type. */
export type AnyPointerInput = AnyPointer | AnyPointerView | TypedValue;

/** A value for an AnyPointer field, such as `{ type: Point, value: { x: 1 } }` or `{ type: Text, value: "…" }`. */
export interface TypedValue {
  readonly type: PointerType;
  readonly value: unknown;
}

interface AnyPointerTypes extends Types<AnyPointer, AnyPointerInput, AnyPointerView, AnyPointerBuilder> {
  readonly hole: undefined;
}

/**
 * A value whose type the schema does not say: a message of its own, to be decoded when the type is known.
 * Capabilities in it are not carried. As a value it stands for the type, for generic types.
 */
export class AnyPointer {
  /** @internal */
  static readonly $: PointerDescriptor<AnyPointerTypes>["$"] = {
    kind: "pointer",
    type: ANY,
    put: encodeAny,
    take: decodeAny as (reader: Reader) => AnyPointer,
  };
  /** A framed message with one segment. */
  declare readonly message: Uint8Array;

  constructor(message: Uint8Array) {
    this.message = message;
  }
}

export function encodeAny(writer: Writer, pointer: number, value: AnyPointerInput, field: string): void {
  if (!isObject(value) || !("type" in value || "message" in value)) {
    throw wrong(field, "an AnyPointer or an object with `type` and `value`", value);
  }
  // Of views and builders it is a copy, made when it is asked for.
  if ("message" in value) return writer.embed(pointer, onlySegment(value.message, field));
  put(writer, pointer, value.value, value.type, field);
}

function onlySegment(message: Uint8Array, field: string): Uint8Array {
  checkBytes(`${field}.message`, message);
  const table = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < 16 || table.getUint32(0, true) !== 0 || table.getUint32(4, true) * 8 + 8 !== message.length) {
    throw new TypeError(`${field}: the message of an AnyPointer must have exactly one segment, its table in front`);
  }
  return message.subarray(8);
}

export function decodeAny(reader: Reader): AnyPointer | undefined {
  const bytes = reader.dataOr(noBytes);
  return bytes === NO_BYTES ? undefined : new AnyPointer(bytes);
}

const noBytes = (): Uint8Array => NO_BYTES;
