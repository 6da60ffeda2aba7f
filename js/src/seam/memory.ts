import { NO_BYTES, NO_VIEW } from "../buffers.js";
import { notLoaded } from "../init.js";
import { FAILURE_ADDRESS, FAILURE_BYTES } from "./header.js";

export * from "./header.js";

/*
 * The memory in which calls, returns and whole messages are encoded and decoded: the runtime's, or that of the module for
 * messages where there is no runtime.
 */

/** What the seam calls in wasm, without glue in between: integers in, integers out. */
export interface SeamExports {
  readonly memory: WebAssembly.Memory;
  seam_header(): number;
  seam_message_room(bytes: number): number;
  seam_register(bytes: number): number;
  seam_index_message(program: number, traversalLimitWords: number, nestingLimit: number): number;
  seam_release(): void;
}

/** And what only the runtime has, for calls and returns. */
export interface RuntimeExports extends SeamExports {
  seam_grow(minWords: number): void;
  seam_commit(words: number): number;
  seam_index_payload(payload: number, program: number): number;
}

/** The wasm instance's exports. */
export let wasm: RuntimeExports = notLoaded();

/** Views over wasm memory, to be renewed with `refresh` after any call that may allocate. */
export let u8: Uint8Array = NO_BYTES;
export let u32: Uint32Array = new Uint32Array(0);
export let view: DataView = NO_VIEW;

let header = 0;

/** Where the header is, in units of `u32`. */
export function headerWord(word: number): number {
  return u32[header + word] as number;
}

/** To be called with the runtime's exports, once they are there. */
export function attach(exports: RuntimeExports): void {
  wasm = exports;
  renew();
  header = wasm.seam_header() >>> 2;
  refresh();
}

/** The same with the exports of the module for messages, which serve while there is no runtime. */
export function attachMeanwhile(exports: SeamExports): void {
  if (header === 0) attach(exports as RuntimeExports);
}

/** Why the last thing failed that did. */
export function failure(): string {
  refresh();
  return textAt(u8, headerWord(FAILURE_ADDRESS), headerWord(FAILURE_BYTES));
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text in so many bytes of memory. */
export function textAt(memory: Uint8Array, address: number, bytes: number): string {
  return utf8.decode(memory.subarray(address, address + bytes));
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
