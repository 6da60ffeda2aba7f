import { CapnpError } from "./errors.js";
import { withAdvice } from "./packed/advice.js";

/** Segments that a message may have. */
const MAX_SEGMENTS = 512;
/** So much is allocated at once when a segment table claims it; more when that is full. */
const FIRST_BYTES = 64 * 1024;
/** What is kept for the next message. */
const KEPT_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** Cuts a stream of bytes into framed messages. It does not matter how the bytes are split. */
export class FrameCutter {
  /** Messages that were cut off. */
  messages = 0;
  readonly #limitWords: number;
  /** Whether the bytes were packed. */
  readonly #isPacked: boolean | undefined;
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The start of a message that began in an earlier chunk. */
  #frame = NOTHING;
  #filledBytes = 0;
  /** Where in the stream the next message begins. */
  #position = 0;
  #lastPosition = 0;

  constructor(limitWords: number, isPacked?: boolean) {
    this.#limitWords = limitWords;
    this.#isPacked = isPacked;
  }

  /** Takes a chunk in, when `next` has nothing more to give. It is not copied. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next message, good until the next call, or undefined until another chunk comes.
   *
   * @throws CapnpError when the stream is no sequence of messages within the limits.
   */
  next(): Uint8Array | undefined {
    if (this.#filledBytes === 0) {
      const start = this.#at;
      const there = this.#chunk.length - start;
      const wanted = this.#wantedBytes(this.#chunk, start, there);
      if (wanted <= there) {
        this.#at = start + wanted;
        this.#passed(wanted);
        return this.#chunk.subarray(start, this.#at);
      }
      if (this.#frame.length > KEPT_BYTES) this.#frame = NOTHING;
    }
    for (;;) {
      const wanted = this.#wantedBytes(this.#frame, 0, this.#filledBytes);
      if (wanted <= this.#filledBytes) {
        this.#filledBytes = 0;
        this.#passed(wanted);
        return this.#frame.subarray(0, wanted);
      }
      const piece = this.#chunk.subarray(this.#at, this.#at + wanted - this.#filledBytes);
      if (piece.length === 0) return undefined;
      this.#fill(piece, wanted);
    }
  }

  /**
   * For a stream that ends.
   *
   * @throws CapnpError when that is in the middle of a message.
   */
  finish(): void {
    if (this.#filledBytes === 0) return;
    const wanted = this.#wantedBytes(this.#frame, 0, this.#filledBytes);
    throw this.#wrong(
      `the stream ends after ${this.#filledBytes} bytes of a message that needs ${wanted > 8 ? "" : "at least "}${wanted}`,
    );
  }

  /** Which message was given out last. */
  last(): string {
    return place(this.messages - 1, this.#lastPosition);
  }

  #passed(bytes: number): void {
    this.messages++;
    this.#lastPosition = this.#position;
    this.#position += bytes;
  }

  #fill(piece: Uint8Array, wantedBytes: number): void {
    const endBytes = this.#filledBytes + piece.length;
    if (endBytes > this.#frame.length) {
      // Memory follows what really came.
      const room = Math.min(Math.max(FIRST_BYTES, 2 * endBytes), Math.max(wantedBytes, FIRST_BYTES));
      const larger = new Uint8Array(room);
      larger.set(this.#frame.subarray(0, this.#filledBytes));
      this.#frame = larger;
    }
    this.#frame.set(piece, this.#filledBytes);
    this.#filledBytes = endBytes;
    this.#at += piece.length;
  }

  /** Bytes of the message at `at`, of which so many are there; if those do not tell yet, more than there are. */
  #wantedBytes(bytes: Uint8Array, at: number, there: number): number {
    if (there < 4) return 8;
    const segments = word32(bytes, at) + 1;
    if (segments > MAX_SEGMENTS) {
      throw this.#wrong(withAdvice(`the segment table claims ${segments} segments; the limit is ${MAX_SEGMENTS}`, this.#isPacked));
    }
    const tableBytes = ((segments >>> 1) + 1) * 8;
    if (there < tableBytes) return tableBytes;
    let words = 0;
    for (let i = 1; i <= segments; i++) words += word32(bytes, at + 4 * i);
    if (words > this.#limitWords) {
      throw this.#wrong(`the segment table claims a message of ${words} words; the limit is ${this.#limitWords}`);
    }
    return tableBytes + words * 8;
  }

  #wrong(what: string): CapnpError {
    return new CapnpError("failed", `${what} (${place(this.messages, this.#position)})`);
  }
}

function place(message: number, position: number): string {
  return `message ${message}, which begins at byte ${position}`;
}

function word32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}
