import { encodePacked, init, pack } from "capstan";
import { beforeAll, describe, expect, test } from "vitest";
import { Entry } from "../../examples-web/log-viewer/log.capnp.js";
import { madeUp } from "../../examples-web/log-viewer/made-up.js";
import { Indexer, type LogIndex } from "../../examples-web/log-viewer/src/index-of.js";
import { Log } from "../../examples-web/log-viewer/src/log.js";

/* How the log viewer finds rows without unpacking them. */

const ROWS = 1000;
let log: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  await init();
  log = Buffer.concat(Array.from({ length: ROWS }, (_, row) => encodePacked(Entry, madeUp(row))));
});

function indexed(bytes: Uint8Array, pieceBytes: number): LogIndex {
  const indexer = new Indexer();
  for (let at = 0; at < bytes.length; at += pieceBytes) indexer.push(bytes.subarray(at, at + pieceBytes));
  return indexer.finish();
}

/** A frame of segments with so many words, all of one byte. */
function frame(sizes: readonly number[], byte: number): Uint8Array<ArrayBuffer> {
  const table = new Uint32Array(2 * Math.floor(sizes.length / 2) + 2);
  table.set([sizes.length - 1, ...sizes]);
  const words = sizes.reduce((sum, size) => sum + size);
  return Buffer.concat([new Uint8Array(table.buffer), new Uint8Array(8 * words).fill(byte)]);
}

describe("the index of a log", () => {
  test("is the same however the file is cut, and leads to the rows", async () => {
    const index = indexed(log, log.length);
    for (const pieceBytes of [1, 7, 4096]) expect(indexed(log, pieceBytes)).toEqual(index);
    expect(index.rows).toBe(ROWS);
    expect(index.firstRows).toEqual([0, 256, 512, 768, ROWS]);
    const opened = await Log.open(new Blob([log]), () => undefined);
    for (const row of [0, 255, 256, 700, 768, ROWS - 1]) {
      const { firstRow, entries } = await opened.block(row);
      expect(entries[row - firstRow]?.text).toBe(madeUp(row).text);
    }
  });

  test.each([0, 1, 0xff])("follows runs of the byte %d across messages of one, two and three segments", async (byte) => {
    const frames = [[1], [300], [2, 3], [1, 1, 40], [1]].map((sizes) => frame(sizes, byte));
    const packed = pack(Buffer.concat(frames));
    for (const pieceBytes of [1, 5, packed.length]) expect(indexed(packed, pieceBytes).rows).toBe(frames.length);
  });

  test("finds every place where a file can be cut off", () => {
    const few = Buffer.concat([0, 1, 2].map((row) => encodePacked(Entry, madeUp(row))));
    const ends = [0, 1, 2].map((row) => encodePacked(Entry, madeUp(row)).length).map((_, row, all) => all.slice(0, row + 1).reduce((sum, length) => sum + length));
    for (let length = 1; length < few.length; length++) {
      const cut = (): LogIndex => indexed(few.subarray(0, length), 16);
      if (ends.includes(length)) expect(cut().rows).toBe(ends.indexOf(length) + 1);
      else expect(cut, `after ${length} bytes`).toThrow(/The log ends inside row \d/);
    }
  });

  test("says what is no log", () => {
    expect(() => indexed(new Uint8Array(0), 1)).toThrow("The file is empty.");
    expect(() => indexed(new TextEncoder().encode("2026-01-01 request 1 took 5 ms\n"), 8)).toThrow(/This is no log of packed messages: its first message would have/);
    expect(() => indexed(new Uint8Array(100), 8)).toThrow(/nothing in it/);
    expect(() => indexed(Buffer.concat([log, new Uint8Array(10)]), 8)).toThrow(`The log is damaged at row ${ROWS + 1}, which would have nothing in it.`);
  });
});
