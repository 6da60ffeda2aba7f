import { CapnpError } from "./errors.js";
import { FrameCutter } from "./frames.js";
import { init } from "./init.js";
import { decode, encode, encodePacked, type Limits } from "./message.js";
import { StreamCodec } from "./packed/stream-codec.js";
import { checkBytes } from "./seam/writer.js";
import type { StructDescriptor } from "./seam/descriptor.js";
import { wrong } from "./seam/writer.js";

export interface ReadStreamOptions extends Limits {
  /** Whether the messages are packed. */
  readonly packed?: boolean | undefined;
}

/** What an `EncodeStream` may be told. */
export interface EncodeStreamOptions {
  /** Whether the messages are to be packed. */
  readonly packed?: boolean | undefined;
}

/** Where bytes come from: a response's body, a Node stream, an async generator. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** `traversalLimitWords` by default. */
const LIMIT_WORDS = 8 * 1024 * 1024;

/**
 * Decodes messages that follow each other in a stream, however it is cut into chunks. Loads the WebAssembly by itself.
 * Leaving the loop early cancels the source. No message may have more words than `traversalLimitWords`.
 *
 * @throws CapnpError when a message is damaged, or the stream ends inside one: tells which message it is, and at
 * which byte (of the unpacked stream) it begins.
 */
export async function* readStream<Out>(
  type: StructDescriptor<Out>,
  source: ByteSource,
  options: ReadStreamOptions = {},
): AsyncGenerator<Out, void, undefined> {
  const chunks = chunksOf(source);
  const { packed, ...limits } = options;
  let codec: StreamCodec | undefined;
  let isOpen = true;
  try {
    await init();
    if (packed) codec = new StreamCodec(true);
    const cutter = new FrameCutter(limits.traversalLimitWords ?? LIMIT_WORDS, packed);
    let unpacked: Uint8Array | undefined;
    for (;;) {
      isOpen = false;
      const { done, value: chunk } = await chunks.next();
      if (done) break;
      isOpen = true;
      checkBytes("readStream()", chunk);
      for (let at = 0, hasMore = true; hasMore; ) {
        if (codec === undefined) {
          cutter.push(chunk);
          hasMore = false;
        } else {
          hasMore = codec.step(chunk, at, false);
          at += codec.read;
          // Out of wasm, where whoever gets a message may do something else with it.
          unpacked ??= new Uint8Array(MAX_OUTPUT_BYTES);
          unpacked.set(codec.output());
          cutter.push(unpacked.subarray(0, codec.written));
        }
        for (let frame = cutter.next(); frame !== undefined; frame = cutter.next()) yield decodeNext(type, frame, cutter, limits);
      }
    }
    codec?.step(NOTHING, 0, true);
    cutter.finish();
  } catch (error) {
    // Not waited for: that may take until whatever is being read has come.
    if (isOpen) chunks.cancel(error).catch(() => undefined);
    isOpen = false;
    throw error;
  } finally {
    codec?.close();
    if (isOpen) await chunks.cancel(undefined);
  }
}

/**
 * Encodes objects to a stream of messages: `objects.pipeThrough(new EncodeStream(Person))`, one chunk for each. A value
 * that does not fit the type makes the stream fail. Loads the WebAssembly by itself if it packs.
 */
export class EncodeStream<In> {
  /** The framed messages, one after the other. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Takes plain objects of the type. */
  readonly writable: WritableStream<In>;

  constructor(type: StructDescriptor<unknown, In>, options: EncodeStreamOptions = {}) {
    const { packed } = options;
    const toBytes = packed ? encodePacked : encode;
    ({ readable: this.readable, writable: this.writable } = new TransformStream<In, Uint8Array<ArrayBuffer>>({
      transform: async (value, controller) => {
        if (packed) await init();
        controller.enqueue(toBytes(type, value));
      },
    }));
  }
}

const NOTHING = new Uint8Array(0);
/** What one step of a codec may give. */
const MAX_OUTPUT_BYTES = 72 * 1024;

function decodeNext<Out>(type: StructDescriptor<Out>, frame: Uint8Array, cutter: FrameCutter, limits: Limits): Out {
  try {
    return decode(type, frame, limits);
  } catch (error) {
    if (!(error instanceof CapnpError)) throw error;
    throw new CapnpError(error.kind, `${error.reason} (${cutter.last()})`, { cause: error });
  }
}

interface Chunks {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  /** Tells the source that no more is wanted, if it wants to be told. */
  cancel(reason: unknown): Promise<void>;
}

function chunksOf(source: ByteSource): Chunks {
  // Not every browser's streams can be iterated.
  if (typeof (source as ReadableStream<Uint8Array> | undefined)?.getReader === "function") {
    const reader = (source as ReadableStream<Uint8Array>).getReader();
    return {
      async next() {
        let isOver = true;
        try {
          const result = await reader.read();
          isOver = result.done;
          return result;
        } finally {
          if (isOver) reader.releaseLock();
        }
      },
      async cancel(reason) {
        const canceled = reader.cancel(reason);
        reader.releaseLock();
        await canceled;
      },
    };
  }
  const iterable = source as AsyncIterable<Uint8Array> & Iterable<Uint8Array>;
  const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
  if (iterator === undefined || isText(source)) {
    throw wrong("readStream()", "a ReadableStream or an AsyncIterable of Uint8Array", source);
  }
  return {
    async next() {
      return await iterator.next();
    },
    async cancel() {
      await iterator.return?.();
    },
  };
}

function isText(value: unknown): boolean {
  return typeof value === "string" || ArrayBuffer.isView(value);
}
