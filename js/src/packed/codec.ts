import { CapnpError } from "../errors.js";
import { failure, refresh, u8, wasm } from "../messages/memory.js";
import { CODEC_INPUT_BYTES } from "../sizes.js";

/** What is called in wasm for packing, without glue in between. */
export interface CodecExports {
  codec_open(unpacks: number): number;
  codec_close(id: number): void;
  codec_count(): number;
  codec_input(): number;
  codec_output(): number;
  codec_step(id: number, inputBytes: number, ends: number): number;
  codec_read_bytes(): number;
}

const FULL = 1;
const FAILED = 2;

let input = 0;
let output = 0;

/** Packs or unpacks, piece by piece. Behind its end, or an error, it can begin anew. */
export class Codec {
  /** Bytes of input that the last step took. */
  read = 0;
  /** Bytes of output that it gave. */
  written = 0;
  readonly id: number;

  /** Needs wasm to be loaded. To be closed, once. */
  constructor(unpacks: boolean) {
    this.id = wasm.codec_open(unpacks ? 1 : 0);
    input ||= wasm.codec_input();
    output ||= wasm.codec_output();
  }

  /**
   * Takes in some of `bytes` from `at` on; `isLast` tells that nothing comes behind them. Whether another
   * step is needed for the rest of these bytes, or of what came out of them.
   */
  step(bytes: Uint8Array, at: number, isLast: boolean): boolean {
    const rest = bytes.length - at;
    const count = Math.min(rest, CODEC_INPUT_BYTES);
    refresh();
    u8.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), input);
    const result = wasm.codec_step(this.id, count, isLast && count === rest ? 1 : 0);
    refresh();
    const code = result & 3;
    if (code === FAILED) throw new CapnpError("failed", failure());
    this.written = result >>> 2;
    this.read = code === FULL ? wasm.codec_read_bytes() : count;
    return code === FULL || count < rest;
  }

  /** Where the last step's output is, until the next step or whatever else may happen in wasm. */
  output(): Uint8Array<ArrayBuffer> {
    return u8.subarray(output, output + this.written) as Uint8Array<ArrayBuffer>;
  }

  /** A copy of it. */
  take(): Uint8Array<ArrayBuffer> {
    return u8.slice(output, output + this.written) as Uint8Array<ArrayBuffer>;
  }

  close(): void {
    wasm.codec_close(this.id);
  }
}
