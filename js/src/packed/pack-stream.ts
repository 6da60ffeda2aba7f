import { init } from "../init.js";
import type { Codec } from "./codec.js";
import { checkBytes } from "../seam/writer.js";
import { tooLarge, type UnpackOptions } from "./packed.js";
import { StreamCodec } from "./stream-codec.js";

/**
 * Packs a stream of framed messages, however it is cut into chunks: `encoded.pipeThrough(new PackStream())`. Loads
 * the WebAssembly by itself. A stream that ends inside a word (8 bytes) fails.
 */
export class PackStream {
  /** What is packed so far, without what belongs to a run that may go on. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** A chunk is taken while somebody reads. */
  readonly writable: WritableStream<Uint8Array>;

  constructor() {
    ({ readable: this.readable, writable: this.writable } = pair("PackStream", false, Number.POSITIVE_INFINITY));
  }
}

/**
 * Unpacks a stream, however it is cut into chunks: `response.body.pipeThrough(new UnpackStream())`. Loads the WebAssembly
 * by itself. It gives chunks of at most 72 KiB, and works only while somebody reads: input that expands a
 * thousandfold takes no more memory than any other. A stream that ends inside a word or a run fails, telling where.
 */
export class UnpackStream {
  /** The unpacked bytes. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** A chunk is taken while somebody reads. */
  readonly writable: WritableStream<Uint8Array>;

  /** Without `limitBytes`, any amount may come out. */
  constructor(options: UnpackOptions = {}) {
    const limitBytes = options.limitBytes ?? Number.POSITIVE_INFINITY;
    ({ readable: this.readable, writable: this.writable } = pair("UnpackStream", true, limitBytes));
  }
}

interface Pair {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
}

/*
 * Not a TransformStream: its transformer cannot be asked for one chunk of output, so all that a
 * chunk of input expands to would have to be queued at once.
 */
function pair(name: string, unpacks: boolean, limitBytes: number): Pair {
  const passage = new Passage(name, unpacks, limitBytes);
  // Nothing is done before it is asked for.
  const nothingAhead = { highWaterMark: 0 };
  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start: (controller) => void (passage.readable = controller),
      pull: () => passage.pull(),
      cancel: (reason) => passage.cancel(reason),
    },
    nothingAhead,
  );
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => {
      passage.writable = controller;
      // `abort` itself is called only when the chunk that is being written is done with.
      const { signal } = controller;
      signal.addEventListener("abort", () => passage.abort(signal.reason));
    },
    write: (chunk) => passage.write(chunk),
    close: () => passage.close(),
    abort: (reason) => passage.abort(reason),
  });
  return { readable, writable };
}

interface Waiting {
  resolve(): void;
  reject(reason: unknown): void;
}

const NOTHING = new Uint8Array(0);

/** What is between the two ends of a stream. */
class Passage {
  declare readable: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  declare writable: WritableStreamDefaultController;
  readonly #name: string;
  readonly #unpacks: boolean;
  readonly #limitBytes: number;
  #codec: Codec | undefined;
  #isOver = false;
  /** The chunk being written, and how much of it was taken. */
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Waits for the chunk to be taken. */
  #writer: Waiting | undefined;
  /** Waits for a chunk of output. */
  #reader: Waiting | undefined;
  #readBytes = 0;
  #writtenBytes = 0;

  constructor(name: string, unpacks: boolean, limitBytes: number) {
    this.#name = name;
    this.#unpacks = unpacks;
    this.#limitBytes = limitBytes;
  }

  async write(chunk: unknown): Promise<void> {
    try {
      checkBytes(this.#name, chunk);
      if (chunk.length === 0) return;
      if (this.#codec === undefined) {
        await init();
        if (this.#isOver) return;
        this.#codec = new StreamCodec(this.#unpacks);
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
      this.#chunk = chunk;
      this.#at = 0;
      this.#work();
    });
  }

  pull(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#work();
    });
  }

  /** Everything that was written has been taken by now. */
  close(): void {
    try {
      while (this.#codec !== undefined && this.#step(this.#codec, NOTHING, true));
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    if (this.#isOver) return;
    this.readable.close();
    this.#release(undefined);
  }

  /** The writer gives up. May be told twice. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.readable.error(reason);
    this.#release(reason);
  }

  /** The reader wants no more. */
  cancel(reason: unknown): void {
    if (this.#isOver) return;
    this.writable.error(reason);
    this.#release(reason);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.readable.error(error);
    this.writable.error(error);
    this.#release(error);
  }

  /** Takes from the chunk while there is one and somebody waits for output. */
  #work(): void {
    try {
      while (this.#writer !== undefined && this.#reader !== undefined && this.#codec !== undefined) {
        if (this.#step(this.#codec, this.#chunk, false)) continue;
        const { resolve } = this.#writer;
        this.#writer = undefined;
        this.#chunk = NOTHING;
        this.#at = 0;
        resolve();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether there is more to do for this chunk. */
  #step(codec: Codec, chunk: Uint8Array, isLast: boolean): boolean {
    const hasMore = codec.step(chunk, this.#at, isLast);
    this.#at += codec.read;
    this.#readBytes += codec.read;
    this.#writtenBytes += codec.written;
    if (this.#writtenBytes > this.#limitBytes) throw tooLarge(this.#limitBytes, this.#readBytes);
    if (codec.written > 0) {
      this.readable.enqueue(codec.take());
      this.#reader?.resolve();
      this.#reader = undefined;
    }
    return hasMore;
  }

  /** Nobody waits any more, and nothing is kept. */
  #release(reason: unknown): void {
    this.#isOver = true;
    this.#chunk = NOTHING;
    this.#codec?.close();
    this.#codec = undefined;
    this.#writer?.reject(reason);
    this.#reader?.resolve();
  }
}
