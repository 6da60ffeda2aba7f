import { seam_failure } from "../wasm/capstan_web.js";
import { CapnpError } from "./errors.js";
import type { Limits } from "./message.js";
import { checkBytes } from "./packed/packed.js";
import { refresh, u8, wasm } from "./seam/memory.js";

/** What is called in wasm for the canonical form. */
export interface CanonicalExports {
  seam_canonicalize(traversalLimitWords: number, nestingLimit: number): number;
  seam_is_canonical(traversalLimitWords: number, nestingLimit: number): number;
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
  put("canonicalize()", bytes);
  const length = wasm.seam_canonicalize(traversalLimit(limits), limits?.nestingLimit ?? 64) >>> 0;
  if (length === FAILED) throw failed();
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
  put("isCanonical()", bytes);
  const answer = wasm.seam_is_canonical(traversalLimit(limits), limits?.nestingLimit ?? 64) >>> 0;
  if (answer === FAILED) throw failed();
  wasm.seam_release();
  return answer !== 0;
}

/** Puts the message where wasm looks for it. */
function put(caller: string, bytes: Uint8Array): void {
  checkBytes(caller, bytes);
  const room = wasm.seam_message_room(bytes.length) >>> 0;
  if (room === 0) throw new CapnpError("overloaded", `${caller}: no memory for a message of ${bytes.length} bytes`);
  refresh();
  u8.set(bytes, room);
}

function traversalLimit(limits: Limits | undefined): number {
  return Math.min(limits?.traversalLimitWords ?? 8 * 1024 * 1024, 0xffffffff);
}

function failed(): CapnpError {
  const error = new CapnpError("failed", seam_failure());
  wasm.seam_release();
  return error;
}
