import initGlue from "../../wasm-messages/capstan_messages.js";
import { NO_BYTES, NO_VIEW } from "../buffers.js";
import type { CanonicalExports } from "../canonical.js";
import { need, notLoaded } from "../init.js";
import type { CodecExports } from "../packed/codec.js";
import { attachMeanwhile, FAILURE_ADDRESS, FAILURE_BYTES, type SeamExports, textAt } from "../seam/memory.js";
import type { MessageExports } from "./place.js";

/** The WebAssembly module for messages, and its memory; all as in the seam's. */
interface MessagesExports extends SeamExports, CanonicalExports, CodecExports, MessageExports {}

export let wasm: MessagesExports = notLoaded();

export let u8: Uint8Array = NO_BYTES;
export let u32: Uint32Array = new Uint32Array(0);
export let view: DataView = NO_VIEW;

let header = 0;

need({
  name: "messages",
  file: "capstan_messages_bg.wasm",
  async load(source) {
    wasm = await initGlue(source);
    renew();
    header = wasm.seam_header() >>> 2;
    refresh();
    attachMeanwhile(wasm);
  },
});

export function headerWord(word: number): number {
  return u32[header + word] as number;
}

export function failure(): string {
  refresh();
  return textAt(u8, headerWord(FAILURE_ADDRESS), headerWord(FAILURE_BYTES));
}

export function refresh(): void {
  if (u8.length === 0) renew();
}

function renew(): void {
  const { buffer } = wasm.memory;
  u8 = new Uint8Array(buffer);
  u32 = new Uint32Array(buffer);
  view = new DataView(buffer);
}
