import { isBuffer, isDetached } from "./buffers.js";
import { ClientBase, release, theClient } from "./client.js";
import { inferMethods, type StreamMethods } from "./stream-methods.js";
import type { CallOptions } from "./types.js";

/** The names of a client's streamed methods. */
type StreamedNames<C> = {
  [K in keyof C]: C[K] extends (...args: never[]) => infer R ? ([R] extends [Promise<void>] ? K : never) : never;
}[keyof C];

type ParamsOf<F> = F extends (params?: infer P, ...rest: never[]) => unknown ? NonNullable<P> : never;

/** What one written chunk of a client's streamed method is. */
export type ChunkOf<C> = { [K in StreamedNames<C>]: NonNullable<ParamsOf<C[K]>[keyof ParamsOf<C[K]>]> }[StreamedNames<C>];

type ResultOf<F> = F extends (...args: never[]) => PromiseLike<infer R> ? R : undefined;

/** What the ending method of a client results in. */
export type EndResultOf<C> = C extends { end: infer F }
  ? ResultOf<F>
  : C extends { done: infer F }
    ? ResultOf<F>
    : C extends { close: infer F }
      ? ResultOf<F>
      : undefined;

/** A stream into a remote object. */
export interface SinkStream<Chunk, Result> extends WritableStream<Chunk> {
  /** What the ending method returned, when the stream was closed; rejects when it was not. */
  readonly result: Promise<Result>;
}

export type WritableOptions = StreamMethods;

/**
 * Longer chunks of bytes go out in pieces, so that other calls need not wait behind a long one. A browser pays some 50 µs
 * for each frame: on a loopback connection pieces of 64 KiB are a third slower than these, and twice as long ones no faster.
 */
const PIECE_BYTES = 128 * 1024;
/** What may wait in the stream: while one chunk is sent, the next is read. */
const QUEUE_BYTES = 4 * PIECE_BYTES;

type AnyMethod = (params?: object, options?: CallOptions) => Promise<unknown>;

/**
 * A `WritableStream` whose chunks become streamed calls to `sink`: it takes the next one when there is room in the
 * window. `close()` awaits the ending method, which also reports any failure of the writes; its result is at `result`.
 * `abort()` drops the capability without it. The stream owns `sink` and releases it when it is done.
 */
export function writable<C extends object>(
  sink: C,
  options: WritableOptions = {},
): SinkStream<ChunkOf<C>, EndResultOf<C>> {
  const client = theClient(sink, "writable");
  const { field, isData, write, end } = inferMethods("writable", ClientBase.type(client), options);
  const methods = sink as Record<string, AnyMethod>;
  let settle!: { resolve: (result: unknown) => void; reject: (error: unknown) => void };
  const result = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever wants to know asks; whoever only pipes learns of failures from the stream.
  result.catch(() => {});

  let signal: AbortSignal | undefined;
  // An abort of the stream ends the waiting, for room or for the end, which a stuck object might never give.
  const send = (chunk: unknown): Promise<unknown> => (methods[write] as AnyMethod).call(sink, { [field]: chunk }, { signal });

  const writeChunk = async (chunk: unknown): Promise<void> => {
    if (!isData) {
      await send(chunk);
      return;
    }
    const bytes = toBytes(chunk);
    const { length } = bytes;
    for (let start = 0; start < length; start += PIECE_BYTES) {
      // Otherwise the rest would be missing over there without anybody knowing.
      if (bytes.length !== length) throw transferred();
      await send(bytes.subarray(start, start + PIECE_BYTES));
    }
  };

  const stream = new WritableStream<unknown>(
    {
      start(controller) {
        signal = controller.signal;
      },
      async write(chunk) {
        try {
          await writeChunk(chunk);
        } catch (error) {
          settle.reject(error);
          release(sink);
          throw error;
        }
      },
      async close() {
        try {
          settle.resolve(end === undefined ? undefined : await (methods[end] as AnyMethod).call(sink, {}, { signal }));
        } catch (error) {
          settle.reject(error);
          throw error;
        } finally {
          release(sink);
        }
      },
      abort(reason) {
        settle.reject(reason);
        release(sink);
      },
    },
    isData
      ? { highWaterMark: QUEUE_BYTES, size: (chunk) => (chunk as { byteLength?: number } | undefined)?.byteLength ?? 1 }
      : { highWaterMark: 1 },
  );
  return Object.defineProperty(stream, "result", { value: result, enumerable: true }) as SinkStream<
    ChunkOf<C>,
    EndResultOf<C>
  >;
}

function toBytes(chunk: unknown): Uint8Array {
  const view = ArrayBuffer.isView(chunk) ? chunk : undefined;
  const buffer = view === undefined ? chunk : view.buffer;
  if (isBuffer(buffer)) {
    if (isDetached(buffer)) throw transferred();
    return view === undefined ? new Uint8Array(buffer) : new Uint8Array(buffer, view.byteOffset, view.byteLength);
  }
  throw new TypeError(
    `a chunk must be a Uint8Array, got ${typeof chunk === "string" ? "a string; encode it with a TextEncoder" : typeof chunk}`,
  );
}

function transferred(): TypeError {
  return new TypeError("the chunk's buffer was transferred away before it was written; transfer a copy, or wait for write()");
}
