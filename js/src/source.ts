import { give, shortName } from "./client.js";
import { CapnpError, messageOf } from "./errors.js";
import { iterable, type IterableStream } from "./iterable-stream.js";
import { release } from "./release.js";
import { checkType } from "./seam/check-type.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { wrong } from "./seam/writer.js";
import { serve } from "./serve.js";
import { inferMethods, type StreamMethods } from "./stream-methods.js";
import { dispose } from "./symbols.js";
import type { Awaitable } from "./types.js";
import type { EndResultOf, ReceivedOf } from "./writable.js";

/** What is to be known of the receiving end of a stream. */
export interface SourceOptions<Result = object> extends StreamMethods {
  /** What the ending method returns, or a function that makes it when the stream has ended. */
  readonly result?: Result | (() => Awaitable<Result>) | undefined;
}

/** Both ends of a stream that comes in. */
export interface Source<Client, Chunk> {
  /** To be passed to whoever is to write; the call that it is passed in takes it away. */
  readonly client: Client;
  /** What was written. */
  readonly stream: IterableStream<Chunk>;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The receiving end of a stream: what is written to `client` is read from `stream`. A write returns when the reader has
 * taken its chunk, so that a slow reader makes a slow writer. When the client is dropped or its connection lost before the
 * ending method was called, reading fails with a `CapnpError`: nobody takes an aborted stream for a complete one. Canceling the
 * stream fails the writes with that reason.
 *
 * @throws CapnpError before `init()`; TypeError when the interface's methods do not say which of them write and end.
 * @example
 * const { client, stream } = source(ByteSink);
 * files.read({ handle, into: client });
 * for await (const chunk of stream) draw(chunk); // a Uint8Array each
 */
export function source<C extends object, S>(
  type: InterfaceDescriptor<C, S>,
  options: SourceOptions<InputOf<C>> = {},
): Source<C, ReceivedOf<C, S>> {
  const { client, stream } = makeSource<C, ReceivedOf<C, S>>("source", type, options, {
    onDropped: (fail, error) => fail(error),
    onCanceled: () => {},
  });
  return { client, stream };
}

/**
 * A `ReadableStream` of what a call writes: `start` is given a sink, and makes the call that wants one, as in
 * `readable(ByteSink, (into, options) => files.read({ handle, into }, options))`. As with `source`; besides, reading fails with
 * the call's error, and canceling aborts the call.
 *
 * @example
 * const stream = readable(ByteSink, (into, options) => files.read({ handle, into }, options));
 * const text = await new Response(stream).text();
 */
export function readable<C extends object, S>(
  type: InterfaceDescriptor<C, S>,
  start: (sink: C, options: { readonly signal: AbortSignal }) => Awaitable<unknown>,
  options: SourceOptions<InputOf<C>> = {},
): IterableStream<ReceivedOf<C, S>> {
  const canceler = new AbortController();
  const { client, stream, fail } = makeSource<C, ReceivedOf<C, S>>("readable", type, options, {
    // The call's own error says more, and is on its way.
    onDropped: (fail, error) => void outcome.then(() => fail(error)),
    onCanceled: (reason) => canceler.abort(reason),
  });
  const outcome = Promise.resolve()
    .then(() => start(client, { signal: canceler.signal }))
    .then(
      () => {},
      (error: unknown) => {
        release(client);
        fail(error);
      },
    );
  return stream;
}

interface Hooks {
  /** The client is dropped before the stream has ended; `fail` makes reading fail, unless it is over, with this error or another. */
  onDropped(fail: (error: unknown) => void, error: CapnpError): void;
  onCanceled(reason: unknown): void;
  /** The client is dropped, sooner or later. */
  onReleased?(): void;
}

export function makeSource<C extends object, Chunk>(
  caller: string,
  type: InterfaceDescriptor<C>,
  options: SourceOptions<InputOf<C>>,
  hooks: Hooks,
): Source<C, Chunk> & { fail(error: unknown): void } {
  checkType(type, "interface", `${caller}()`);
  const { field, write, end } = inferMethods(caller, type.$, options);
  let controller!: ReadableStreamDefaultController<Chunk>;
  let isOver = false;
  /** The write whose chunk no reader has taken. */
  let writing: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  let canceled: CapnpError | undefined;

  const stop = (error: unknown): void => {
    isOver = true;
    writing?.reject(error);
    writing = undefined;
  };
  const fail = (error: unknown): void => {
    if (isOver) return;
    stop(error);
    controller.error(error);
  };
  const onTaken = (): void => {
    writing?.resolve();
    writing = undefined;
  };
  // Of one chunk: those that come next wait at the sender, or as calls not yet delivered.
  const source: UnderlyingDefaultSource<Chunk> = {
    start(its) {
      controller = its;
    },
    pull: onTaken,
    cancel(reason) {
      canceled = new CapnpError("failed", `the reader has canceled the stream: ${messageOf(reason)}`, { cause: reason });
      stop(canceled);
      release(client);
      hooks.onCanceled(reason);
    },
  };
  const stream = iterable(new ReadableStream(source));
  const implementation: Record<string, unknown> = {
    [write.name]: (params: Fields) =>
      new Promise<void>((resolve, reject) => {
        const chunk = chunkOf<Chunk>(params, field);
        if (isOver) throw canceled ?? new CapnpError("failed", "the stream has ended");
        writing = { resolve, reject };
        controller.enqueue(chunk);
        // It went straight to a reader who was waiting for it.
        if ((controller.desiredSize ?? 0) > 0) onTaken();
      }),
  };
  if (end !== undefined) {
    implementation[end] = async () => {
      if (canceled !== undefined) throw canceled;
      const results = await resultOf(options);
      if (!isOver) {
        stop(undefined);
        controller.close();
      }
      return results;
    };
  }
  Object.defineProperty(implementation, dispose, {
    value: () => {
      if (end === undefined && !isOver) {
        // No method says that it is complete: its release has to.
        stop(undefined);
        controller.close();
      } else if (!isOver) {
        hooks.onDropped(fail, endless(type));
      }
      hooks.onReleased?.();
    },
  });
  const client = give(serve(type as InterfaceDescriptor<C, object>, implementation));
  return { client, stream, fail };
}

/**
 * A client whose streamed calls are written to a `WritableStream`: a write returns when the stream has dealt with its chunk, the
 * ending method when it has closed. When the client is dropped without that, or the connection lost, the stream is
 * aborted. The client is given away by the first message that carries it.
 *
 * @example
 * const { readable: bytes, writable: into } = new TransformStream<Uint8Array, Uint8Array>();
 * await files.read({ handle, into: fromWritable(ByteSink, into, { result: { total: 7n } }) });
 */
export function fromWritable<C extends object, S>(
  type: InterfaceDescriptor<C, S>,
  stream: WritableStream<ReceivedOf<C, S>>,
  options: SourceOptions<InputOf<C>> = {},
): C {
  checkType(type, "interface", "fromWritable()");
  const { field, write, end } = inferMethods("fromWritable", type.$, options);
  if (typeof stream?.getWriter !== "function") throw wrong("fromWritable()", "a WritableStream", stream);
  const writer = stream.getWriter();
  // What goes wrong is told by the write or the end that it concerns.
  writer.closed.catch(() => {});
  let isClosed = false;
  const close = (): Promise<void> => {
    isClosed = true;
    return writer.close();
  };
  const implementation: Record<string, unknown> = {
    [write.name]: (params: Fields) => writer.write(chunkOf<ReceivedOf<C, S>>(params, field)),
  };
  if (end !== undefined) {
    implementation[end] = async () => {
      await close();
      return await resultOf(options);
    };
  }
  Object.defineProperty(implementation, dispose, {
    value: () => {
      if (isClosed) return;
      // Whoever holds the stream learns of it there.
      (end === undefined ? close() : writer.abort(endless(type))).catch(() => {});
    },
  });
  return give(serve(type as InterfaceDescriptor<C, object>, implementation));
}

/** What an ending method may be made to return. */
export type InputOf<C> = EndResultOf<C> extends infer R ? (R extends object ? { readonly [K in keyof R]?: R[K] | (R[K] extends bigint ? number : never) } : object) : never;

async function resultOf<R>(options: SourceOptions<R>): Promise<R | object> {
  const { result } = options;
  return (await (typeof result === "function" ? (result as () => Awaitable<R>)() : result)) ?? {};
}

/** What a call has written. Structs and capabilities may be null, which readers do not reckon with. */
function chunkOf<Chunk>(params: Fields, field: string): Chunk {
  const chunk = params[field];
  if (chunk === undefined) throw new CapnpError("failed", `what is written to a stream has to be there: "${field}" is null`);
  return chunk as Chunk;
}

function endless(type: InterfaceDescriptor): CapnpError {
  return new CapnpError(
    "disconnected",
    `the stream of ${shortName(type.$.name)} ended without its ending method being called: the writer gave up, or its connection was lost`,
  );
}
