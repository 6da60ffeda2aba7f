import { CapnpError } from "./errors.js";
import type { Limits } from "./message.js";
import { checkBytes } from "./seam/writer.js";
import { failure, refresh, u8, wasm } from "./messages/memory.js";

/** What is called in wasm for the canonical form. */
export interface CanonicalExports {
  seam_canonical(asks: number, traversalLimitWords: number, nestingLimit: number): number;
}

const FAILED = 0xffffffff;
const TABLE_BYTES = 8;

/**
 * The message in canonical form, in which equal values have equal bytes: one segment, everything in preorder, no gaps, cut as
 * short as it can be. Needs `await init()` once before.
 *
 * Takes and gives a framed message, like everything here. The form as the specification has it, for hashes and signatures that
 * others make as well, is what follows the table: `canonicalize(bytes).subarray(8)`.
 *
 * @throws CapnpError when the message is damaged or has capabilities; TypeError for what is no bytes.
 */
export function canonicalize(bytes: Uint8Array, limits?: Limits): Uint8Array<ArrayBuffer> {
  const length = ask("canonicalize()", bytes, limits, false);
  const address = wasm.seam_message_room(length) >>> 0;
  refresh();
  const frame = new Uint8Array(TABLE_BYTES + length);
  new DataView(frame.buffer).setUint32(4, length / 8, true);
  frame.set(u8.subarray(address, address + length), TABLE_BYTES);
  wasm.seam_release();
  return frame;
}

/**
 * Whether a framed message is in canonical form. Needs `await init()` once before.
 *
 * @throws CapnpError when the message is damaged; TypeError for what is no bytes.
 */
export function isCanonical(bytes: Uint8Array, limits?: Limits): boolean {
  const answer = ask("isCanonical()", bytes, limits, true);
  wasm.seam_release();
  return answer === 1;
}

function ask(caller: string, bytes: Uint8Array, limits: Limits | undefined, asks: boolean): number {
  checkBytes(caller, bytes);
  const room = wasm.seam_message_room(bytes.length) >>> 0;
  if (room === 0) throw new CapnpError("overloaded", `${caller}: no memory for a message of ${bytes.length} bytes`);
  refresh();
  u8.set(bytes, room);
  const words = Math.min(limits?.traversalLimitWords ?? 8 * 1024 * 1024, 0xffffffff);
  const answer = wasm.seam_canonical(asks ? 1 : 0, words, limits?.nestingLimit ?? 64) >>> 0;
  if (answer !== FAILED) return answer;
  wasm.seam_release();
  throw new CapnpError("failed", failure());
}
