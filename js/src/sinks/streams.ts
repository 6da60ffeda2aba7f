import { settled } from "../call.js";
import { Sink, Source } from "../capstan/sinks.capnp.js";
import { ClientBase, give, shortName, theClient } from "../client.js";
import type { Connection } from "../connection.js";
import { CapnpError } from "../errors.js";
import type { IterableStream } from "../iterable-stream.js";
import { watch } from "../pending.js";
import { release } from "../release.js";
import { initRuntime } from "../runtime.js";
import { AnyPointer } from "../seam/any.js";
import type { In, Out, PointerType } from "../seam/types.js";
import { serve } from "../serve.js";
import { fromWritable, makeSource, readable } from "../source.js";
import { dispose } from "../symbols.js";
import type { CallContext } from "../types.js";
import { carry, reach, type Reached } from "./dedicated-client.js";

/** How a stream goes. */
export interface SinkOptions {
  /**
   * Puts the stream on a WebSocket of its own, beside this connection, which `connect` must have made and over which the stream's
   * client came or is to be passed. There is no order between the two. When the connection closes, so does the stream's.
   */
  readonly dedicated?: Connection | undefined;
}

/** What is read from a stream of items of a type. None is null: writing that fails. */
export type Item<T extends PointerType> = Exclude<Out<T>, undefined>;

/** A new stream whose items go from here to wherever `source` is passed. */
export interface SinkEnds<T extends PointerType> {
  /** To be passed in a call, which takes it away; it arrives as the source of what is written. */
  readonly source: Source<T>;
  /** To be written. */
  readonly stream: WritableStream<In<T>>;
}

/** A new stream whose items come here from wherever `sink` is passed. */
export interface SourceEnds<T extends PointerType> {
  /** To be passed in a call, which takes it away; whoever gets it writes. */
  readonly sink: Sink<T>;
  /** To be read. */
  readonly stream: IterableStream<Item<T>>;
}

/**
 * Opens a stream of items of a type, such as `Text`, `List(UInt8)` or a struct: what is written to `stream` is read from `source`.
 * A write resolves when there is room for the next one. Closing the stream says that it is complete, and waits until all was read;
 * aborting it fails the reader with that reason. When the reader is gone, writes fail.
 *
 * @throws CapnpError when a dedicated connection cannot be made.
 * @example
 * const { source, stream } = await openSink(Text);
 * log.follow({ lines: source }); // to whoever is to read
 * const writer = stream.getWriter();
 * await writer.write("one"); // resolves when there is room for the next
 * await writer.close();
 */
export async function openSink<T extends PointerType>(type: T, options: SinkOptions = {}): Promise<SinkEnds<T>> {
  await initRuntime();
  const { stream, taker, ended } = makeWritable<T>();
  const source = await passed(options.dedicated, Source(type), (onReleased) => serveSource(type, taker, () => void ended().then(onReleased)));
  return { source, stream };
}

/**
 * Opens a stream of items of a type: what is written to `sink` is read from `stream`, which can be read by `for await` too. A slow reader
 * makes a slow writer. It ends when the writer has said so; when the writer gives up, or is lost with its connection, reading fails.
 * Canceling it fails the writes.
 *
 * @throws CapnpError when a dedicated connection cannot be made.
 * @example
 * const { sink, stream } = await openSource(Text);
 * log.tail({ into: sink }); // to whoever is to write
 * for await (const line of stream) console.log(line);
 */
export async function openSource<T extends PointerType>(type: T, options: SinkOptions = {}): Promise<SourceEnds<T>> {
  await initRuntime();
  let stream!: IterableStream<Item<T>>;
  const sink = await passed(options.dedicated, Sink(type), (onReleased) => {
    const made = makeSource<Sink<T>, Item<T>>("openSource", Sink(type), {}, { onDropped: (fail, error) => fail(error), onCanceled() {}, onReleased });
    stream = made.stream;
    return made.client;
  });
  return { sink, stream };
}

/** A stream into a sink that came in a call. It owns the sink, and releases it when it is done. Otherwise it is as that of `openSink`. */
export function writeTo<T extends PointerType>(sink: Sink<T>, options: SinkOptions = {}): WritableStream<In<T>> {
  const client = theClient(sink, "writeTo");
  checkType(client, Sink.$.id, "writeTo", "Sink");
  let signal: AbortSignal;
  let reached: Reached<Sink<T>>;
  const done = (): void => {
    release(sink);
    reached?.close();
  };
  const stream: UnderlyingSink<In<T>> = {
    async start(controller) {
      signal = controller.signal;
      // One listener for all writes: one for each would be garbage that browsers are slow to collect.
      watch(signal, () => {});
      reached = await reach(options.dedicated, sink);
    },
    async write(item) {
      try {
        await reached.client.write({ item }, { signal });
      } catch (error) {
        done();
        throw error;
      }
    },
    async close() {
      try {
        await endOf(reached.client, { signal });
      } finally {
        done();
      }
    },
    abort: done,
  };
  return new WritableStream(stream);
}

/** The items of a source that came in a call. The stream owns the source. Otherwise it is as that of `openSource`. */
export function readFrom<T extends PointerType>(source: Source<T>, options: SinkOptions = {}): IterableStream<Item<T>> {
  const client = theClient(source, "readFrom");
  checkType(client, Source.$.id, "readFrom", "Source");
  const type = (ClientBase.type(client).applied?.[0] ?? AnyPointer) as T;
  const pipe = async (into: Sink<T>, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
    let reached: Reached<Source<T>> | undefined;
    try {
      reached = await reach(options.dedicated, source);
      await reached.client.pipe({ into }, { signal });
    } finally {
      release(source);
      reached?.close();
    }
  };
  return readable(Sink(type), pipe) as IterableStream<Item<T>>;
}

/**
 * A source of the items of a stream, or of whatever can be iterated, to be passed in a call or in results, which take it away. When its
 * reader is gone, the stream is canceled.
 */
export function sourceOf<T extends PointerType>(
  type: T,
  items: ReadableStream<In<T>> | AsyncIterable<In<T>> | Iterable<In<T>>,
): Source<T> {
  const stream = streamOf(items);
  return serveSource(type, {
    async take(into, signal) {
      const canceler = new AbortController();
      watch(signal, () => canceler.abort(unread()));
      await stream.pipeTo(writeTo(into), { signal: canceler.signal });
    },
    refuse() {
      // What the stream makes of it is its own affair.
      stream.cancel(unread()).catch(() => {});
    },
  });
}

/**
 * A sink whose items are written to a stream, to be passed in a call or in results, which take it away. When its writer gives up, the stream is
 * aborted.
 */
export function sinkInto<T extends PointerType>(type: T, stream: WritableStream<Item<T>>): Sink<T> {
  return fromWritable(Sink(type), stream as WritableStream<never>);
}

/** Makes a client to be passed; what it leads to stands behind a connection of its own if that is wanted. */
async function passed<C extends object>(
  parent: Connection | undefined,
  type: { readonly $: Parameters<typeof carry<C>>[1]["$"] },
  make: (onReleased: () => void) => C,
): Promise<C> {
  return parent === undefined ? make(() => {}) : await carry(parent, type, make);
}

/** Whose items a source is asked for, at most once. */
interface Taker<T extends PointerType> {
  /** Writes the items into a sink, which it owns from now on. Resolves when all were read; the signal says that nobody reads any more. */
  take(into: Sink<T>, signal: AbortSignal): Promise<void>;
  /** Nobody will ask. */
  refuse(): void;
}

function serveSource<T extends PointerType>(type: T, taker: Taker<T>, onReleased?: () => void): Source<T> {
  let isTaken = false;
  const implementation = {
    async pipe({ into }: { into: Sink<T> | undefined }, { signal }: CallContext): Promise<void> {
      if (into === undefined) throw new CapnpError("failed", "a source has to be piped into a sink, and there is none");
      if (isTaken) {
        release(into);
        throw new CapnpError("failed", "this source is being read already; a stream has one reader");
      }
      isTaken = true;
      await taker.take(into, signal);
    },
    [dispose](): void {
      onReleased?.();
      if (!isTaken) taker.refuse();
    },
  };
  return give(serve<Source<T>, Source.Server<T>>(Source(type), implementation as Partial<Source.Server<T>>));
}

/**
 * Ends a stream: resolves when its reader has said that this is right, and has dealt with all that was written, which may be later.
 * Both are asked for at once, since a reader that has the end may be gone before its answer is here.
 */
async function endOf<T extends PointerType>(into: Sink<T>, options: { readonly signal: AbortSignal }): Promise<void> {
  await Promise.all([into.end({}, options), settled(theClient(into, "end"), options)]);
}

/** A stream whose items wait until someone takes them. `ended` waits for the answer to its end, if it is being ended. */
function makeWritable<T extends PointerType>(): { stream: WritableStream<In<T>>; taker: Taker<T>; ended(): Promise<void> } {
  let controller!: WritableStreamDefaultController;
  let ending: Promise<void> | undefined;
  const taken = deferred<Sink<T>>();
  /** When the writer is done. */
  const outcome = deferred<void>();
  /** What went wrong first: the rest comes of that. */
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): unknown => {
    failure ??= { error };
    taken.reject(error);
    outcome.reject(error);
    return failure.error;
  };
  const orFail = async <R>(act: (into: Sink<T>, options: { signal: AbortSignal }) => Promise<R>): Promise<R> => {
    try {
      return await act(await taken.promise, controller);
    } catch (error) {
      throw fail(error);
    }
  };
  const stream = new WritableStream<In<T>>({
    start(its) {
      controller = its;
      // At once, while an item may be waiting for room that never comes.
      watch(its.signal, () => fail(its.signal.reason));
    },
    write: (item) => orFail((into, options) => into.write({ item }, options)),
    close: () =>
      orFail(async (into, options) => {
        ending = endOf(into, options);
        await ending;
        outcome.resolve();
      }),
  });
  const lose = (): void => {
    fail(unread());
    controller.error(unread());
  };
  const taker: Taker<T> = {
    async take(into, signal) {
      watch(signal, lose);
      taken.resolve(into);
      try {
        await outcome.promise;
      } finally {
        release(into);
      }
    },
    refuse: lose,
  };
  // How it ended is for the one who closes the stream.
  const ended = async (): Promise<void> => await ending?.catch(() => {});
  return { stream, taker, ended };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function deferred<T>(): Deferred<T> {
  let made!: Deferred<T>;
  const promise = new Promise<T>((resolve, reject) => {
    made = { resolve, reject } as Deferred<T>;
  });
  // Whoever wants to know asks.
  promise.catch(() => {});
  return { ...made, promise };
}

function streamOf<I>(items: ReadableStream<I> | AsyncIterable<I> | Iterable<I>): ReadableStream<I> {
  if (items instanceof ReadableStream) return items;
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  return new ReadableStream<I>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        await iterator.return?.(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function checkType(client: ClientBase, id: bigint, caller: string, wanted: string): void {
  const info = ClientBase.type(client);
  if (info.id !== id) {
    throw new TypeError(`${caller}() wants a client of ${wanted}(…), got one of ${shortName(info.name)}; writable() and readable() are for other interfaces`);
  }
}

function unread(): CapnpError {
  return new CapnpError("failed", "nobody reads this stream any more: its reader has gone");
}
