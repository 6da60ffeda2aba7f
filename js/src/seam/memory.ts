import type { CanonicalExports } from "../canonical.js";
import { CapnpError } from "../errors.js";
import type { MessageExports } from "../messages/place.js";
import type { CodecExports } from "../packed/codec.js";

/** What the seam calls in wasm, without glue in between: integers in, integers out. */
export interface SeamExports extends CanonicalExports, CodecExports, MessageExports {
  readonly memory: WebAssembly.Memory;
  seam_header(): number;
  seam_grow(minWords: number): void;
  seam_commit(words: number): number;
  seam_index_payload(payload: number, program: number): number;
  seam_message_room(bytes: number): number;
  seam_index_message(program: number, traversalLimitWords: number, nestingLimit: number): number;
  seam_release(): void;
}

/** The wasm instance's exports. */
export let wasm: SeamExports = new Proxy({} as SeamExports, {
  get(): never {
    throw new CapnpError(
      "failed",
      "Capstan's WebAssembly is not loaded yet: `await init()` first, or use an asynchronous function such as `connect`",
    );
  },
});

/** Views over wasm memory, to be renewed with `refresh` after any call that may allocate. */
export let u8: Uint8Array = new Uint8Array(0);
export let u32: Uint32Array = new Uint32Array(0);
export let view: DataView = new DataView(u8.buffer);

let header = 0;

/** Where the header is, in units of `u32`. */
export function headerWord(word: number): number {
  return u32[header + word] as number;
}

export const ROOM_ADDRESS = 0;
export const ROOM_WORDS = 1;
export const SLOT_ADDRESS = 2;
export const TABLE_ADDRESS = 4;
export const TABLE_ENTRIES = 5;
export const POOL_ADDRESS = 6;
export const POOL_BYTES = 7;
export const UNICODE_ADDRESS = 8;
export const UNICODE_BYTES = 9;

/** To be called once with what wasm-bindgen's init returned. */
export function attach(exports: SeamExports): void {
  wasm = exports;
  renew();
  header = wasm.seam_header() >>> 2;
  refresh();
}

/**
 * Renews the views when memory has grown. An array over a detached buffer has length 0, which is far cheaper to
 * ask than comparing `memory.buffer`; a detached DataView throws when asked.
 */
export function refresh(): void {
  if (u8.length === 0) renew();
}

function renew(): void {
  const { buffer } = wasm.memory;
  u8 = new Uint8Array(buffer);
  u32 = new Uint32Array(buffer);
  view = new DataView(buffer);
}
