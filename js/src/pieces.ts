import { streamStats } from "./client.js";
import { platform } from "./platform.js";
import type { StreamStats } from "./types.js";

/** Pieces of long chunks are at least so long, and so much is made of short chunks. */
const SHORTEST_BYTES = 4096;
/** As long as nothing is known of the way. */
const FIRST_BYTES = 16 * 1024;
const LONGEST_BYTES = 64 * 1024;
/** With a shorter round trip the other side is next to us, and what a frame costs there and here is all that counts. */
const NEAR_MS = 1;
/** What a piece takes to go over the line, at least: a browser needs some 0.05 ms for each frame. */
const LEAST_LINE_MS = 0.25;
/** Shorter chunks are sent together with those that wait behind them: a call alone has some hundred bytes. */
const SHORT_BYTES = 512;
/** What is left of a chunk goes with the next one if it is no more than this share of a piece. */
const LEFTOVER_SHARE = 1 / 8;
/** Pieces until the way is looked at again. */
const PIECES_PER_LOOK = 8;

/** Sends bytes, with which it is done when it returns; a promise of room for more, or nothing when there is room. */
export type Send = (bytes: Uint8Array) => Promise<unknown> | undefined;

/** Makes pieces of chunks: cuts long ones, and joins short ones and what is left of long ones with what waits behind them. */
export class Pieces {
  readonly #sink: object;
  readonly #send: Send;
  /** Whether another chunk is sure to come. */
  readonly #isFollowed: () => boolean;
  #joined = new Uint8Array(SHORTEST_BYTES);
  #joinedBytes = 0;
  #longest = FIRST_BYTES;
  #untilLook = 0;

  constructor(sink: object, send: Send, isFollowed: () => boolean) {
    this.#sink = sink;
    this.#send = send;
    this.#isFollowed = isFollowed;
  }

  /** Sends the next chunk, or keeps what is better sent with the one that follows. */
  write(chunk: Uint8Array): Promise<unknown> | undefined {
    const { length } = chunk;
    let at = 0;
    const goOn = (): Promise<unknown> | undefined => {
      while (at < length) {
        // Otherwise the rest would be missing over there without anybody knowing.
        if (chunk.length !== length) throw transferred();
        const left = length - at;
        const count = this.#next(left, length < SHORT_BYTES, at > 0);
        let wait: Promise<unknown> | undefined;
        if (count === 0) {
          wait = this.flush();
        } else if (count > left) {
          this.#join(chunk.subarray(at));
          return undefined;
        } else if (this.#joinedBytes > 0) {
          this.#join(chunk.subarray(at, at + count));
          wait = this.flush();
        } else {
          wait = this.#send(chunk.subarray(at, at + count));
        }
        at += count;
        if (wait !== undefined) return at < length ? wait.then(goOn) : wait;
      }
      return undefined;
    };
    return goOn();
  }

  /** Sends what was kept. */
  flush(): Promise<unknown> | undefined {
    if (this.#joinedBytes === 0) return undefined;
    const bytes = this.#joined.subarray(0, this.#joinedBytes);
    this.#joinedBytes = 0;
    return this.#send(bytes);
  }

  /**
   * How many of so many bytes are the next piece, with what was kept before them: none when that is to go by itself, more than there are
   * when these are kept too.
   */
  #next(left: number, isShort: boolean, isCut: boolean): number {
    const joined = this.#joinedBytes;
    const total = joined + left;
    const isFollowed = this.#isFollowed();
    if (isShort) {
      if (joined > 0 && total > SHORTEST_BYTES) return 0;
      return isFollowed ? Infinity : left;
    }
    const longest = this.#look();
    const best = Math.min(longest, platform.bestPieceBytes);
    const leftover = best * LEFTOVER_SHARE;
    if (joined > leftover) return 0;
    if (total <= longest && !(isFollowed && total > best)) {
      return isFollowed && isCut && total <= leftover ? Infinity : left;
    }
    const isNearlyEven = isFollowed && total % best <= leftover;
    return (isNearlyEven ? best : Math.ceil(total / Math.ceil(total / best))) - joined;
  }

  /** How long pieces are at most. */
  #look(): number {
    if (this.#untilLook-- === 0) {
      this.#longest = pieceBytes(streamStats(this.#sink));
      this.#untilLook = this.#longest === FIRST_BYTES ? 0 : PIECES_PER_LOOK;
    }
    return this.#longest;
  }

  #join(bytes: Uint8Array): void {
    const { length } = bytes;
    if (this.#joinedBytes + length > this.#joined.length) {
      const larger = new Uint8Array(LONGEST_BYTES);
      larger.set(this.#joined.subarray(0, this.#joinedBytes));
      this.#joined = larger;
    }
    this.#joined.set(bytes, this.#joinedBytes);
    this.#joinedBytes += length;
  }
}

/**
 * How long pieces are at most: an eighth of what is sent during a round trip, so that other calls need not wait behind a long one
 * and acknowledgements come often. On one computer pieces are long whatever the rate: short ones would make it low, and it them short.
 */
export function pieceBytes(stats: StreamStats | undefined): number {
  // The window says that nothing is measured.
  if (stats !== undefined && stats.mode === undefined) return LONGEST_BYTES;
  const { btlBw = 0, rtProp = 0 } = stats ?? {};
  if (btlBw === 0) return FIRST_BYTES;
  if (rtProp < NEAR_MS) return LONGEST_BYTES;
  const bytes = (btlBw / 1000) * Math.max(rtProp / 8, LEAST_LINE_MS);
  return Math.min(Math.max(Math.floor(bytes), SHORTEST_BYTES), LONGEST_BYTES);
}

export function transferred(): TypeError {
  return new TypeError("the chunk's buffer was transferred away before it was written; transfer a copy, or wait for write()");
}
