/** A block has at least so many messages, which are decoded at once. Where each begins is all that is kept of a log. */
export const BLOCK_ROWS = 256;

/** Where the messages of a log are. */
export interface LogIndex {
  readonly rows: number;
  /** The first row of each block, and behind the last the number of rows. */
  readonly firstRows: readonly number[];
  /** Where each block begins in the file, and where the last ends. */
  readonly offsets: readonly number[];
}

/** More segments or words than this has no message of a log. */
const MAX_SEGMENTS = 512;
const MAX_WORDS = 8 * 1024 * 1024;

/** How many bits are set in a byte. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

const TAG = 0;
const BYTES = 1;
const COUNT = 2;

/**
 * Finds out where the messages of a packed stream begin, however it is cut into chunks, and unpacks no more of it than their headers. A
 * packed word is a tag with a bit for each of its bytes that is not zero, and those bytes. Behind the tags 0x00 and 0xff is a count: of
 * words that are zero, or of words that come as they are.
 */
export class Indexer {
  readonly #offsets: number[] = [];
  readonly #firstRows: number[] = [];
  #rows = 0;
  /** How many bytes were taken before the chunk at hand. */
  #before = 0;

  #state = TAG;
  #tag = 0;
  /** Bytes of the word that have not come yet, and those that have while it is one of a header. */
  #bytesLeft = 0;
  readonly #bytes = new Uint8Array(8);
  /** Words that come as they are. */
  #plainWords = 0;

  /** Words of the message that have not come yet, without its header. */
  #wordsLeft = 0;
  /** Segments whose size is not known yet; a message begins when there are none and no words are left. */
  #sizesLeft = 0;
  #words = 0;

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const byte = chunk[at] ?? 0;
      if (this.#state === BYTES) {
        const taken = Math.min(this.#bytesLeft, chunk.length - at);
        if (this.#wordsLeft === 0) this.#bytes.set(chunk.subarray(at, at + taken), BITS[this.#tag]! - this.#bytesLeft);
        at += taken;
        this.#bytesLeft -= taken;
        if (this.#bytesLeft === 0) this.#wordIsComplete();
      } else if (this.#state === COUNT) {
        at++;
        this.#state = TAG;
        if (this.#tag === 0) this.#takeZeros(byte);
        else this.#expectPlain(byte);
      } else {
        if (this.#isBetween()) this.#beginBlock(this.#before + at);
        at++;
        this.#tag = byte;
        this.#bytesLeft = BITS[byte]!;
        this.#state = BYTES;
        if (this.#bytesLeft === 0) this.#wordIsComplete();
      }
    }
    this.#before += chunk.length;
  }

  /** @throws Error when the log ends inside a message, or has none. */
  finish(): LogIndex {
    if (this.#state !== TAG || !this.#isBetween()) {
      throw new Error(`The log ends inside row ${this.#rows + 1}: the file is damaged, or was not copied to its end.`);
    }
    if (this.#rows === 0) throw new Error("The file is empty.");
    return { rows: this.#rows, firstRows: [...this.#firstRows, this.#rows], offsets: [...this.#offsets, this.#before] };
  }

  #isBetween(): boolean {
    return this.#wordsLeft === 0 && this.#sizesLeft === 0;
  }

  /** Only a message that begins with a tag can be unpacked by itself; one may begin inside a run of zeros. */
  #beginBlock(offset: number): void {
    if (this.#rows > 0 && this.#rows - this.#firstRows.at(-1)! < BLOCK_ROWS) return;
    this.#firstRows.push(this.#rows);
    this.#offsets.push(offset);
  }

  #wordIsComplete(): void {
    if (this.#wordsLeft > 0) this.#bodyWords(1);
    else this.#headerWord();
    if (this.#plainWords > 0) {
      this.#expectPlain(this.#plainWords - 1);
      if (this.#plainWords > 0) return;
      this.#state = TAG;
    } else {
      this.#state = this.#tag === 0 || this.#tag === 0xff ? COUNT : TAG;
    }
  }

  #expectPlain(words: number): void {
    this.#plainWords = words;
    if (words === 0) return;
    this.#bytesLeft = 8;
    this.#state = BYTES;
  }

  #takeZeros(count: number): void {
    this.#bytes.fill(0);
    for (let left = count; left > 0; ) {
      if (this.#wordsLeft > 0) {
        const taken = Math.min(left, this.#wordsLeft);
        this.#bodyWords(taken);
        left -= taken;
      } else {
        this.#headerWord();
        left--;
      }
    }
  }

  #bodyWords(count: number): void {
    this.#wordsLeft -= count;
    if (this.#wordsLeft === 0) this.#rows++;
  }

  /** The first has the number of segments, less one, and the size of the first; each other one has two sizes. */
  #headerWord(): void {
    const [low, high] = this.#unpacked();
    if (this.#sizesLeft === 0) {
      const segments = low + 1;
      if (segments > MAX_SEGMENTS) throw this.#noLog(`${segments.toLocaleString("en")} segments`);
      this.#words = high;
      this.#sizesLeft = segments - 1;
    } else {
      this.#words += low + (this.#sizesLeft > 1 ? high : 0);
      this.#sizesLeft = Math.max(0, this.#sizesLeft - 2);
    }
    if (this.#words > MAX_WORDS) throw this.#noLog(`${(8 * this.#words).toLocaleString("en")} bytes`);
    if (this.#sizesLeft > 0) return;
    if (this.#words === 0) throw this.#noLog("nothing in it");
    this.#wordsLeft = this.#words;
  }

  #unpacked(): [number, number] {
    const word = new DataView(new ArrayBuffer(8));
    for (let index = 0, next = 0; index < 8; index++) {
      if (this.#tag & (1 << index)) word.setUint8(index, this.#bytes[next++]!);
    }
    return [word.getUint32(0, true), word.getUint32(4, true)];
  }

  #noLog(what: string): Error {
    if (this.#rows === 0) return new Error(`This is no log of packed messages: its first message would have ${what}.`);
    return new Error(`The log is damaged at row ${this.#rows + 1}, which would have ${what}.`);
  }
}
