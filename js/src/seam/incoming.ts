import { CapnpError } from "../errors.js";
import { withAdvice } from "../packed/advice.js";
import type { StructDescriptor } from "./descriptor.js";
import {
  failure,
  headerWord,
  POOL_ADDRESS,
  POOL_BYTES,
  refresh,
  TABLE_ADDRESS,
  TABLE_ENTRIES,
  textAt,
  u32,
  u8,
  UNICODE_ADDRESS,
  UNICODE_BYTES,
  view,
  wasm,
} from "./memory.js";
import { programOf } from "./program.js";
import { type ClientSource, Reader } from "./reader.js";
import { SHORT_OUT } from "./text-costs.js";
import { LARGE_MESSAGE_BYTES } from "../sizes.js";


const reader = new Reader();

/** What a reader of untrusted messages may be made to do. */
export interface Limits {
  /** Words that may be visited, counting those visited twice twice; 8 Mi by default. */
  traversalLimitWords?: number | undefined;
  /** How deep structs and lists may be nested; 64 by default. */
  nestingLimit?: number | undefined;
}

export interface DecodeOptions extends Limits {
  /** Whether the message is packed. */
  readonly packed?: boolean | undefined;
}

/**
 * Builds a plain object from a message that has arrived. `client` is called once for each capability
 * pointer that is not null; it must not call into wasm. Throws a CapnpError when the message is damaged.
 */
export function decodeContent<Out>(type: StructDescriptor<Out>, payload: number, client: ClientSource): Out {
  const status = wasm.seam_index_payload(payload, programOf(type));
  if (status !== 0) throw damaged(type);
  reader.clientAt = client;
  return takeIndexed(type, 0);
}

/** As `decodeContent`, for a whole message by itself. */
export function decodeMessage<Out>(type: StructDescriptor<Out>, message: Uint8Array, limits: DecodeOptions | undefined): Out {
  // First, because a program that wasm does not know yet takes the same room.
  const program = programOf(type);
  const room = wasm.seam_message_room(message.length);
  if (room === 0) throw new CapnpError("overloaded", `${type.$.name}: no memory for a message of ${message.length} bytes`);
  refresh();
  u8.set(message, room);
  const words = limits?.traversalLimitWords ?? 8 * 1024 * 1024;
  const status = wasm.seam_index_message(program, Math.min(words, 0xffffffff), limits?.nestingLimit ?? 64);
  if (status !== 0) throw new CapnpError("failed", `${type.$.name}: ${withAdvice(failure(), limits?.packed)}`);
  return takeIndexed(type, message.length);
}

/** `copiedBytes` is how much of the message lies in the seam's own memory. */
function takeIndexed<Out>(type: StructDescriptor<Out>, copiedBytes: number): Out {
  refresh();
  const poolBytes = headerWord(POOL_BYTES);
  const unicodeBytes = headerWord(UNICODE_BYTES);
  const pool = ascii(headerWord(POOL_ADDRESS), poolBytes);
  const unicode = unicodeBytes === 0 ? "" : textAt(u8, headerWord(UNICODE_ADDRESS), unicodeBytes);
  reader.begin(view, u8, u32, headerWord(TABLE_ADDRESS) >>> 2, pool, unicode);
  const costBytes = copiedBytes + poolBytes + unicodeBytes + headerWord(TABLE_ENTRIES) * 4;
  try {
    return type.$.decode(reader, reader.next());
  } finally {
    reader.end();
    if (costBytes > LARGE_MESSAGE_BYTES) wasm.seam_release();
  }
}

function damaged(type: StructDescriptor): CapnpError {
  return new CapnpError("failed", `${type.$.name}: ${failure()}`);
}

function ascii(start: number, length: number): string {
  if (length >= SHORT_OUT) return textAt(u8, start, length);
  const bytes = u8;
  let text = "";
  let at = start;
  for (const whole = start + (length & ~7); at < whole; at += 8) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
  }
  for (const end = start + length; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
