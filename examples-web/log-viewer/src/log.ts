import { encodePacked, init, readStream } from "capstan";
import { Entry } from "../log.capnp.js";
import { madeUp } from "../made-up.js";
import { Indexer, type LogIndex } from "./index-of.js";

/** A part of a log that is decoded at once. */
export interface Block {
  readonly firstRow: number;
  readonly entries: readonly Entry[];
}

/** What is looked for. */
export interface Wanted {
  /** In the text or the source, in whatever case. */
  readonly text: string;
  /** The least level, by its place in `LEVELS`. */
  readonly level: number;
}

export const LEVELS: readonly string[] = ["debug", "info", "warning", "error"];

/** Told how much is done, from 0 to 1; throws to end the work. */
export type Watch = (done: number) => void;

/** Rows that are looked at before the next can be found to be unwanted. */
const ROWS_AT_ONCE = 20_000;
const PIECE_BYTES = 1 << 20;

/** A log in a file, of which only what is asked for is read. */
export class Log {
  readonly file: Blob;
  readonly #index: LogIndex;

  private constructor(file: Blob, index: LogIndex) {
    this.file = file;
    this.#index = index;
  }

  /** Reads the file once. Fails when it is no log. */
  static async open(file: Blob, watch: Watch): Promise<Log> {
    const indexer = new Indexer();
    let taken = 0;
    const reader = file.stream().getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        indexer.push(value);
        watch((taken += value.length) / file.size);
      }
    } catch (error) {
      await reader.cancel().catch(() => undefined);
      throw error;
    }
    const log = new Log(file, indexer.finish());
    // What is packed well may still be something else.
    await log.block(0);
    return log;
  }

  get rows(): number {
    return this.#index.rows;
  }

  /** The block that a row is in. */
  async block(row: number): Promise<Block> {
    const { firstRows, offsets } = this.#index;
    let block = 0;
    for (let step = 2 ** Math.ceil(Math.log2(firstRows.length)); step >= 1; step /= 2) {
      const next = firstRows[block + step];
      if (next !== undefined && next <= row && block + step < firstRows.length - 1) block += step;
    }
    const entries: Entry[] = [];
    const part = this.file.slice(offsets[block], offsets[block + 1]);
    for await (const entry of readStream(Entry, part.stream(), { packed: true })) entries.push(entry);
    return { firstRow: firstRows[block] ?? 0, entries };
  }

  /** The rows that have what is wanted, some at a time. */
  async *search(wanted: Wanted, watch: Watch): AsyncGenerator<Uint32Array<ArrayBuffer>> {
    const text = wanted.text.toLowerCase();
    let found: number[] = [];
    let row = 0;
    for await (const entry of readStream(Entry, this.file.stream(), { packed: true })) {
      if (isWanted(entry, text, wanted.level)) found.push(row);
      if (++row % ROWS_AT_ONCE > 0) continue;
      watch(row / this.rows);
      yield Uint32Array.from(found);
      found = [];
    }
    yield Uint32Array.from(found);
  }
}

function isWanted({ level, source, text }: Entry, wanted: string, least: number): boolean {
  // A level of a later version of the schema is a number.
  if ((typeof level === "number" ? level : LEVELS.indexOf(level)) < least) return false;
  return wanted === "" || text.toLowerCase().includes(wanted) || source.toLowerCase().includes(wanted);
}

/** Makes a log up. Its bytes are the browser's to keep, in memory or not. */
export async function makeUp(rows: number, watch: Watch): Promise<Blob> {
  await init();
  const parts: Blob[] = [];
  const piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for (let row = 0; row < rows; row++) {
    const bytes = encodePacked(Entry, madeUp(row));
    if (filled + bytes.length > PIECE_BYTES) {
      parts.push(new Blob([piece.subarray(0, filled)]));
      filled = 0;
    }
    piece.set(bytes, filled);
    filled += bytes.length;
    if (row % ROWS_AT_ONCE > 0) continue;
    watch(row / rows);
    // Others want something, too.
    await new Promise((resolve) => setTimeout(resolve));
  }
  parts.push(new Blob([piece.subarray(0, filled)]));
  return new Blob(parts);
}
