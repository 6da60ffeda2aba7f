import { isBuffer, isDetached } from "./buffers.js";
import { settled, streamed } from "./call.js";
import { clearAway } from "./clearance.js";
import { ClientBase, releaseOwned, theClient } from "./client.js";
import { watch } from "./pending.js";
import { Pieces, transferred } from "./pieces.js";
import { inferMethods, type StreamMethods } from "./stream-methods.js";
import type { CallOptions } from "./types.js";

/** The names of a client's streamed methods. */
type StreamedNames<C> = {
  [K in keyof C]: C[K] extends (...args: never[]) => infer R ? ([R] extends [Promise<void>] ? K : never) : never;
}[keyof C];

type ParamsOf<F> = F extends (params?: infer P, ...rest: never[]) => unknown ? NonNullable<P> : never;

/** What one written chunk of a client's streamed method is. */
export type ChunkOf<C> = { [K in StreamedNames<C>]: NonNullable<ParamsOf<C[K]>[keyof ParamsOf<C[K]>]> }[StreamedNames<C>];

/** What one chunk is for the server `S` that a client of `C` streams to: as it is received, with every field there. */
export type ReceivedOf<C, S> = [StreamedNames<C> & keyof S] extends [never]
  ? ChunkOf<C>
  : { [K in StreamedNames<C> & keyof S]: S[K] extends (params: infer P, ...rest: never[]) => unknown ? NonNullable<P[keyof P]> : never }[StreamedNames<C> & keyof S];

type ResultOf<F> = F extends (...args: never[]) => PromiseLike<infer R> ? R : undefined;

/** What the ending method of a client results in. */
export type EndResultOf<C> = "end" extends keyof C
  ? ResultOf<C["end"]>
  : "done" extends keyof C
    ? ResultOf<C["done"]>
    : "close" extends keyof C
      ? ResultOf<C["close"]>
      : undefined;

/** A stream into a remote object. */
export interface SinkStream<Chunk, Result> extends WritableStream<Chunk> {
  /** What the ending method returned, when the stream was closed; rejects when it was not. */
  readonly result: Promise<Result>;
}

/** Which methods make a stream of the interface, where that has to be said. */
export type WritableOptions = StreamMethods;

/** What may wait in the stream: while one chunk is sent, the next are read. */
const QUEUE_BYTES = 512 * 1024;

type AnyMethod = (params?: object, options?: CallOptions) => Promise<unknown>;

/**
 * A `WritableStream` whose chunks become streamed calls to `sink`: it takes the next one when there is room in the
 * window of bytes in flight. `close()` awaits the ending method, which also reports any failure of the writes; its result is at `result`.
 * `abort()` drops the capability without it. The stream owns `sink` and releases it when it is done.
 *
 * Chunks of `Data` are `Uint8Array`s or `ArrayBuffer`s, which may be merged or split on the way; any others arrive as they are written.
 * What fails later, such as a lost connection, makes the next write and `close()` reject with a `CapnpError`.
 *
 * @throws TypeError when the interface's methods do not say which of them write and end, which `options` then has to.
 * @example
 * const { sink } = files.create({ name: file.name, size: file.size });
 * const stream = writable(sink);
 * await file.stream().pipeTo(stream);
 * const { total } = await stream.result;
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

  // An abort of the stream ends the waiting, for room or for the end, which a stuck object might never give.
  let callOptions!: CallOptions;
  const params: Record<string, unknown> = {};
  const send = (chunk: unknown): Promise<void> | undefined => {
    params[field] = chunk;
    return streamed(client, write, params, callOptions);
  };
  const fail = (error: unknown): void => {
    settle.reject(error);
    releaseOwned(client);
  };
  const failed = (error: unknown): never => {
    fail(error);
    throw error;
  };

  /** How many chunks were written and have not come here. */
  let waiting = 0;
  const pieces = new Pieces(sink, send, () => waiting > 0);

  const stream = new WritableStream<unknown>(
    {
      start(controller) {
        const { signal } = controller;
        callOptions = { signal };
        // One listener for all writes: one for each would be garbage that browsers are slow to collect.
        watch(signal, () => {});
      },
      write(chunk) {
        waiting--;
        try {
          if (!isData) return send(chunk)?.then(undefined, failed);
          const bytes = toBytes(chunk);
          clearAway(bytes.length);
          return pieces.write(bytes)?.then(undefined, failed);
        } catch (error) {
          return failed(error);
        }
      },
      async close() {
        try {
          await pieces.flush();
          const results = end === undefined ? undefined : await (methods[end] as AnyMethod).call(sink, {}, callOptions);
          // An object may answer that before it has dealt with all that was written.
          await settled(client, callOptions);
          settle.resolve(results);
          releaseOwned(client);
        } catch (error) {
          failed(error);
        }
      },
      abort(reason) {
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
