import type { StructDescriptor } from "./descriptor.js";
import type { Reader } from "./reader.js";
import { type Writer, wrong } from "./writer.js";

/**
 * A value whose type the schema does not say: a message of its own, to be decoded when the type is known.
 * Capabilities in it are not carried.
 */
export class AnyPointer {
  /** A framed message with one segment. */
  readonly message: Uint8Array;

  constructor(message: Uint8Array) {
    this.message = message;
  }
}

/** What an AnyPointer field takes: what one held, or a value with its type. */
export type AnyPointerInput = AnyPointer | AnyStruct;

/** A struct for an AnyPointer field. */
export interface AnyStruct {
  readonly type: StructDescriptor;
  readonly value: unknown;
}

export function encodeAny(writer: Writer, pointer: number, value: AnyPointerInput, field: string): void {
  if (value instanceof AnyPointer) return writer.embed(pointer, onlySegment(value.message, field));
  if (typeof value !== "object" || value === null || !("type" in value)) {
    throw wrong(field, "an AnyPointer or an object with `type` and `value`", value);
  }
  const { dataWords, pointers, encode } = value.type.$;
  encode(writer, writer.struct(pointer, dataWords, pointers, value.value, field), value.value);
}

function onlySegment(message: Uint8Array, field: string): Uint8Array {
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

const NO_BYTES = new Uint8Array(0);
const noBytes = (): Uint8Array => NO_BYTES;
