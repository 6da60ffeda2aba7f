import { isBuffer, isDetached } from "./buffers.js";
import { settled } from "./call.js";
import { ClientBase, release, streamStats, theClient } from "./client.js";
import { watch } from "./pending.js";
import { inferMethods, type StreamMethods } from "./stream-methods.js";
import type { CallOptions, StreamStats } from "./types.js";

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

/** What may wait in the stream: while one chunk is sent, the next are read. */
const QUEUE_BYTES = 512 * 1024;
/** Pieces of long chunks are at least so long, and so much is made of short chunks. */
const SHORTEST_PIECE_BYTES = 4096;
/** As long as nothing is known of the way. */
const FIRST_PIECE_BYTES = 16 * 1024;
const LONGEST_PIECE_BYTES = 64 * 1024;
/** With a shorter round trip the other side is next to us, and what a frame costs there and here is all that counts. */
const NEAR_MS = 1;
/** What a piece takes to go over the line, at least: a browser needs some 0.05 ms for each frame. */
const LEAST_LINE_MS = 0.25;
/** Shorter chunks of bytes are sent together with those that wait behind them: a call alone has some hundred bytes. */
const SHORT_BYTES = 512;

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

  let streamController!: WritableStreamDefaultController;
  // An abort of the stream ends the waiting, for room or for the end, which a stuck object might never give.
  const callOptions = (): CallOptions => ({ signal: streamController.signal });
  const send = (chunk: unknown): Promise<unknown> => (methods[write] as AnyMethod).call(sink, { [field]: chunk }, callOptions());
  const fail = (error: unknown): void => {
    settle.reject(error);
    release(sink);
  };

  /** How many chunks were written and have not come here. */
  let waiting = 0;
  const short = new Uint8Array(SHORTEST_PIECE_BYTES);
  let shortBytes = 0;
  const sendShort = (): Promise<unknown> => {
    const bytes = short.subarray(0, shortBytes);
    shortBytes = 0;
    return send(bytes);
  };
  let longest = FIRST_PIECE_BYTES;
  /** How many pieces are as long before the way is looked at again. */
  let untilLook = 0;
  const writeBytes = async (bytes: Uint8Array): Promise<void> => {
    const { length } = bytes;
    const isShort = length < SHORT_BYTES;
    if (shortBytes > 0 && (!isShort || shortBytes + length > short.length)) await sendShort();
    for (let start = 0; start < length; ) {
      // Otherwise the rest would be missing over there without anybody knowing.
      if (bytes.length !== length) throw transferred();
      if (isShort) {
        short.set(bytes, shortBytes);
        shortBytes += length;
        // If another one waits, it goes along.
        if (waiting === 0) await sendShort();
        return;
      }
      if (untilLook-- === 0) {
        longest = pieceBytes(streamStats(sink));
        untilLook = longest === FIRST_PIECE_BYTES ? 0 : 8;
      }
      const count = Math.ceil((length - start) / longest);
      const end = start + Math.ceil((length - start) / count);
      await send(bytes.subarray(start, end));
      start = end;
    }
  };

  const stream = new WritableStream<unknown>(
    {
      start(controller) {
        streamController = controller;
        // One listener for all writes: one for each would be garbage that browsers are slow to collect.
        watch(controller.signal, () => {});
      },
      async write(chunk) {
        waiting--;
        try {
          await (isData ? writeBytes(toBytes(chunk)) : send(chunk));
        } catch (error) {
          fail(error);
          throw error;
        }
      },
      async close() {
        try {
          if (shortBytes > 0) await sendShort();
          const results = end === undefined ? undefined : await (methods[end] as AnyMethod).call(sink, {}, callOptions());
          // An object may answer that before it has dealt with all that was written.
          await settled(client, callOptions());
          settle.resolve(results);
          release(sink);
        } catch (error) {
          fail(error);
          throw error;
        }
      },
      abort(reason) {
        shortBytes = 0;
        fail(reason);
      },
    },
    isData
      ? {
          highWaterMark: QUEUE_BYTES,
          size(chunk) {
            waiting++;
            return (chunk as { byteLength?: number } | undefined)?.byteLength ?? 1;
          },
        }
      : { highWaterMark: 1 },
  );
  return Object.defineProperty(stream, "result", { value: result, enumerable: true }) as SinkStream<
    ChunkOf<C>,
    EndResultOf<C>
  >;
}

/**
 * How long the pieces of a chunk are: an eighth of what is sent during a round trip, so that other calls need not wait behind a long one
 * and acknowledgements come often. On one computer pieces are long whatever the rate: short ones would make it low, and it them short.
 */
export function pieceBytes(stats: StreamStats | undefined): number {
  // The window says that nothing is measured.
  if (stats !== undefined && stats.mode === undefined) return LONGEST_PIECE_BYTES;
  const { btlBw = 0, rtProp = 0 } = stats ?? {};
  if (btlBw === 0) return FIRST_PIECE_BYTES;
  if (rtProp < NEAR_MS) return LONGEST_PIECE_BYTES;
  const bytes = (btlBw / 1000) * Math.max(rtProp / 8, LEAST_LINE_MS);
  return Math.min(Math.max(Math.floor(bytes), SHORTEST_PIECE_BYTES), LONGEST_PIECE_BYTES);
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
