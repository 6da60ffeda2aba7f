import { CapnpError } from "../errors.js";
import type { DecodeOptions } from "../seam/incoming.js";
import { checkBytes } from "../seam/writer.js";
import { Codec } from "./codec.js";
import { DEFAULT_LIMIT_BYTES, FIRST_POOL_BYTES, KEPT_POOL_BYTES, MAX_TABLE_BYTES } from "../sizes.js";

/** What `unpack` puts up with. */
export interface UnpackOptions {
  /** The most bytes that may come out. A packed byte can stand for 1024. */
  readonly limitBytes?: number | undefined;
}


let packer: Codec | undefined;
let unpacker: Codec | undefined;
/** Where output is put together that comes in more than one piece. */
let pool = new Uint8Array(0);

/**
 * Packs whole words, such as one framed message or several. Every implementation can read the result.
 * Needs `await init()` once before.
 *
 * @throws CapnpError when `bytes` is no whole number of words (8 bytes); TypeError for what is no bytes.
 */
export function pack(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes("pack()", bytes);
  packer ??= new Codec(false);
  try {
    return convert(packer, bytes, Number.POSITIVE_INFINITY, true);
  } catch (error) {
    packer = renounced(packer);
    throw error;
  }
}

/**
 * The words that were packed. Needs `await init()` once before.
 *
 * @throws CapnpError when the input ends inside a word or a run, or more comes out than the limit (64 MiB by
 * default) allows; TypeError for what is no bytes.
 */
export function unpack(bytes: Uint8Array, options: UnpackOptions = {}): Uint8Array<ArrayBuffer> {
  checkBytes("unpack()", bytes);
  return unpackShared(bytes, options.limitBytes ?? DEFAULT_LIMIT_BYTES, true);
}

/** The frame of a message that may be packed, good until something else is packed or unpacked. Throws for what is no bytes. */
export function frameIn(caller: string, bytes: Uint8Array, options: DecodeOptions | undefined): Uint8Array {
  checkBytes(caller, bytes);
  if (!options?.packed) return bytes;
  return unpackShared(bytes, (options.traversalLimitWords ?? DEFAULT_LIMIT_BYTES / 8) * 8 + MAX_TABLE_BYTES, false);
}

/** For errors about unpacking more than is allowed. */
export function tooLarge(limitBytes: number, readBytes: number): CapnpError {
  return new CapnpError(
    "failed",
    `the packed data unpacks to more than the limit of ${limitBytes} bytes (at packed byte ${readBytes})`,
  );
}

function unpackShared(bytes: Uint8Array, limitBytes: number, isToKeep: boolean): Uint8Array<ArrayBuffer> {
  unpacker ??= new Codec(true);
  try {
    return convert(unpacker, bytes, limitBytes, isToKeep);
  } catch (error) {
    unpacker = renounced(unpacker);
    throw error;
  }
}

/** A codec that failed may be in the middle of something. */
function renounced(codec: Codec): undefined {
  codec.close();
}

/**
 * Unless it is to keep, the result stays in the pool, which is used again. Not in wasm: making room for it there may make
 * memory grow, and what is in the old memory is gone then.
 */
function convert(codec: Codec, bytes: Uint8Array, limitBytes: number, isToKeep: boolean): Uint8Array<ArrayBuffer> {
  let readBytes = 0;
  let usedBytes = 0;
  for (;;) {
    const hasMore = codec.step(bytes, readBytes, true);
    readBytes += codec.read;
    const endBytes = usedBytes + codec.written;
    if (endBytes > limitBytes) throw tooLarge(limitBytes, readBytes);
    if (isToKeep && !hasMore && usedBytes === 0) return codec.take();
    if (endBytes > pool.length) grow(usedBytes, endBytes);
    pool.set(codec.output(), usedBytes);
    usedBytes = endBytes;
    if (!hasMore) {
      const whole = isToKeep ? pool.slice(0, usedBytes) : pool.subarray(0, usedBytes);
      if (pool.length > KEPT_POOL_BYTES) pool = new Uint8Array(0);
      return whole;
    }
  }
}

function grow(usedBytes: number, neededBytes: number): void {
  const larger = new Uint8Array(Math.max(FIRST_POOL_BYTES, 2 ** Math.ceil(Math.log2(neededBytes))));
  larger.set(pool.subarray(0, usedBytes));
  pool = larger;
}
