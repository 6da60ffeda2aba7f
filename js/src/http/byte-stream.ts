import { ByteStream } from "../capnp/compat/byte-stream.capnp.js";
import { give } from "../client.js";
import { CapnpError, messageOf } from "../errors.js";
import { iterable, type IterableStream } from "../iterable-stream.js";
import { release } from "../release.js";
import { serve } from "../serve.js";
import { dispose } from "../symbols.js";
import type { Awaitable } from "../types.js";
import { writable } from "../writable.js";

/** Where bytes go that arrive at a `ByteStream`. */
interface Target {
  write(bytes: Uint8Array): Awaitable<void>;
  end(): Awaitable<void>;
  /** The stream is dropped and was not ended. */
  drop(): void;
  startTls?: ((host: string) => Awaitable<void>) | undefined;
}

export interface IncomingOptions {
  /** For the errors, such as `the response's body`. */
  readonly name: string;
  /** How many bytes have to come, if that is known. */
  readonly length?: bigint | undefined;
  onCanceled?(reason: unknown): void;
  /** The stream is over, in whatever way. */
  onOver?(): void;
  readonly startTls?: ((host: string) => Awaitable<void>) | undefined;
}

/** The receiving end of bytes that are read as a stream. */
export interface Incoming {
  /** The first message that carries it takes it. */
  readonly client: ByteStream;
  readonly stream: IterableStream<Uint8Array<ArrayBuffer>>;
  /** Makes reading and writing fail, unless the stream is over. */
  fail(error: unknown): void;
}

/**
 * A stream of what is written to a `ByteStream`, whose writes return when the reader has taken their bytes. Reading fails when
 * fewer or more bytes come than were announced, or the end is missing: nobody takes a part of a body for all of it.
 */
export function incoming(options: IncomingOptions): Incoming {
  const { name, length } = options;
  let controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  let isOver = false;
  let broken: unknown;
  let writing: { resolve(): void; reject(error: unknown): void } | undefined;
  let received = 0n;

  const finish = (error: unknown): void => {
    isOver = true;
    broken = error;
    writing?.reject(error);
    writing = undefined;
    options.onOver?.();
  };
  const fail = (error: unknown): void => {
    if (isOver) return;
    finish(error);
    controller.error(error);
  };
  const refuse = (reason: string): never => {
    const error = new CapnpError("failed", reason);
    fail(error);
    throw error;
  };
  const onTaken = (): void => {
    writing?.resolve();
    writing = undefined;
  };
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    start(its) {
      controller = its;
    },
    pull: onTaken,
    cancel(reason) {
      // Of this kind the writer takes it for what it is: nobody wants the rest.
      finish(new CapnpError("disconnected", `${name} is not wanted any more: ${messageOf(reason)}`));
      options.onCanceled?.(reason);
    },
  };
  const stream = iterable(new ReadableStream(source));
  const client = serveBytes({
    write(bytes) {
      if (isOver) throw broken ?? new CapnpError("failed", `${name} has ended`);
      received += BigInt(bytes.length);
      if (length !== undefined && received > length) refuse(`${name} is longer than the ${length} bytes that were announced`);
      if (bytes.length === 0) return;
      return new Promise<void>((resolve, reject) => {
        writing = { resolve, reject };
        controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
        // A reader was waiting for it.
        if ((controller.desiredSize ?? 0) > 0) onTaken();
      });
    },
    end() {
      if (isOver) throw broken ?? new CapnpError("failed", `${name} has ended before`);
      if (length !== undefined && received < length) refuse(`${name} ended after ${received} of the ${length} bytes that were announced`);
      finish(undefined);
      controller.close();
    },
    drop: () => fail(new CapnpError("disconnected", `${name} broke off after ${received} bytes: the sender gave up, or its connection was lost`)),
    startTls: options.startTls,
  });
  return { client, stream, fail };
}

/** Serves a target. While a substream of it is open, only that may be written. */
function serveBytes(target: Target): ByteStream {
  let isLent = false;
  let isEnded = false;
  const check = (): void => {
    if (isLent) throw new CapnpError("failed", "this byte stream has a substream, which has to end before");
    if (isEnded) throw new CapnpError("failed", "this byte stream has ended");
  };
  const implementation: Partial<ByteStream.Server> & { [dispose](): void } = {
    write({ bytes }) {
      check();
      return target.write(bytes);
    },
    async end() {
      check();
      isEnded = true;
      await target.end();
    },
    getSubstream({ callback, limit }) {
      check();
      if (callback === undefined) throw new CapnpError("failed", "getSubstream() wants a callback");
      isLent = true;
      return { substream: substream(target, callback, limit, () => (isLent = false)) };
    },
    async startTls({ expectedServerHostname }) {
      check();
      if (target.startTls === undefined) throw new CapnpError("unimplemented", "this byte stream cannot start TLS");
      await target.startTls(expectedServerHostname);
    },
    [dispose]() {
      if (!isEnded) target.drop();
    },
  };
  return give(serve(ByteStream, implementation));
}

/** Another way to a target, for so many bytes; `onDone` when the target is free again. */
function substream(target: Target, callback: ByteStream.SubstreamCallback, limit: bigint, onDone: () => void): ByteStream {
  let room = limit;
  let next: ByteStream | undefined;
  return serveBytes({
    async write(bytes) {
      if (next !== undefined) return next.write({ bytes });
      if (BigInt(bytes.length) < room) {
        room -= BigInt(bytes.length);
        return target.write(bytes);
      }
      const count = Number(room);
      if (count > 0) await target.write(bytes.subarray(0, count));
      room = 0n;
      next = callback.reachedLimit().next;
      onDone();
      if (count < bytes.length) await next.write({ bytes: bytes.subarray(count) });
    },
    async end() {
      if (next === undefined) {
        onDone();
        await callback.ended({ byteCount: limit - room });
      } else {
        await next.end();
        release(next);
      }
      release(callback);
    },
    // Without an end or its limit the target stays lent: whoever gave the callback learns from its release that bytes are missing.
    drop() {
      if (next !== undefined) release(next);
      release(callback);
    },
  });
}

export interface Outgoing {
  /** Settles when all was sent and the other side has the end; resolves to an error of the other side's, and rejects with one of ours. */
  readonly done: Promise<unknown>;
  /** Gives up sending. */
  cancel(reason: unknown): void;
}

/** Sends a stream to a `ByteStream`, which it takes over; with a length, exactly so many bytes. */
export function send(body: ReadableStream<Uint8Array>, to: ByteStream, name: string, length?: number): Outgoing {
  const reader = body.getReader();
  const writer = writable(to, { write: "write" }).getWriter() as WritableStreamDefaultWriter<Uint8Array>;
  writer.closed.catch(() => {});
  let sent = 0;
  let isCanceled = false;
  const leave = (reason: unknown): void => void writer.abort(reason).catch(() => {});
  const giveUp = (reason: unknown): void => {
    isCanceled = true;
    reader.cancel(reason).catch(() => {});
    leave(reason);
  };
  const next = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await reader.read();
    if (isCanceled) return undefined;
    if (!done && !(value instanceof Uint8Array)) throw new TypeError(`${name} has a chunk that is no Uint8Array`);
    sent += value?.length ?? 0;
    if (length !== undefined && (done ? sent < length : sent > length)) {
      throw new TypeError(`${name} has ${done ? `only ${sent} of` : "more than"} the ${length} bytes that its Content-Length says`);
    }
    return done ? undefined : value;
  };
  const run = async (): Promise<unknown> => {
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        chunk = await next();
      } catch (error) {
        isCanceled = true;
        reader.cancel(error).catch(() => {});
        // Whoever is told of the error by a call can say what it was; that goes first.
        setTimeout(() => leave(error));
        throw error;
      }
      if (isCanceled) return undefined;
      try {
        if (chunk === undefined) {
          await writer.close();
          return undefined;
        }
        await writer.ready;
        writer.write(chunk).catch(() => {});
      } catch (error) {
        giveUp(error);
        return error;
      }
    }
  };
  const done = run();
  done.catch(() => {});
  return { done, cancel: giveUp };
}
