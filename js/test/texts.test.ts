import { describe, expect, test } from "vitest";
import { decode, encode, init } from "../src/node.js";
import { Lists, Point } from "./generated/everything.capnp.js";

await init();

/** What UTF-8 makes of a string: halves of surrogate pairs are lost. */
const carried = (text: string): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));

function expectCarried(texts: readonly string[]): void {
  expect(decode(Lists, encode(Lists, { texts })).texts).toEqual(texts.map(carried));
}

/** Lengths around those at which texts are written in another way. */
const LENGTHS = [0, 1, 7, 8, 9, 14, 15, 16, 17, 63, 64, 65, 191, 192, 193, 2047, 2048, 2049, 32767, 32768, 40000];

const CHARACTERS = { ASCII: "a", NUL: "\0", Latin: "é", Greek: "λ", Chinese: "語", emoji: "😀", "half a pair": "\ud83d", "the other half": "\ude00" };

describe("texts", () => {
  for (const [name, character] of Object.entries(CHARACTERS)) {
    test(`of any length, of ${name}`, () => {
      for (const length of LENGTHS) {
        const text = character.repeat(length);
        expect(decode(Point, encode(Point, { label: text })).label, `${length}`).toBe(carried(text));
      }
    });

    test(`with ${name} at one place, alone and among others`, () => {
      for (const length of LENGTHS.slice(1)) {
        const plain = "x".repeat(length);
        for (const at of [0, length >> 1, length - 1]) {
          const text = plain.slice(0, at) + character + plain.slice(at + 1);
          expectCarried([text]);
          expectCarried([plain, text, plain]);
          expectCarried([...Array.from({ length: 40 }, (_, i) => `number ${i} of many`), text, plain]);
        }
      }
    });
  }

  test("of random lengths and characters", () => {
    let state = 1;
    const below = (limit: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % limit;
    };
    const characters = Object.values(CHARACTERS);
    for (let round = 0; round < 300; round++) {
      const isPlain = below(3) === 0;
      const texts = Array.from({ length: below(60) }, () => {
        let text = "";
        for (let length = below(below(40) + 1); length > 0; length--) text += isPlain || below(20) > 0 ? "plain "[length % 6] : characters[below(8)];
        return text;
      });
      expectCarried(texts);
    }
  });

  test("a great many, which are not kept waiting for the end", () => {
    expectCarried(Array.from({ length: 20_000 }, (_, i) => `text number ${i} of twenty thousand`));
  });

  test("put together from pieces", () => {
    let rope = "";
    for (let i = 0; i < 1000; i++) rope = `${i}${rope},`;
    expectCarried([rope.slice(0, 1500), rope.slice(1, 1501), rope.slice(2)]);
  });

  test("in a message that is refused do not turn up in the next", () => {
    const texts = Array.from({ length: 20 }, (_, i) => `left over, number ${i}`);
    expect(() => encode(Lists, { texts, datas: ["no bytes"] as never })).toThrow(TypeError);
    expect(encode(Lists, { texts: ["next"] })).toEqual(encode(Lists, { texts: ["next"] }));
    expect(Buffer.from(encode(Lists, { texts: ["next"] })).toString("latin1")).not.toContain("left");
  });

  test("of a message that is encoded while another is", () => {
    const label = "a label of some length, which waits";
    const inner = encode(Point, { label });
    const outer = {
      label,
      get y(): number {
        expect(encode(Point, { label })).toEqual(inner);
        return 2;
      },
    };
    expect(decode(Point, encode(Point, outer))).toEqual({ x: 0, y: 2, label });
  });

  test("are zero behind their ends, also where a first attempt failed", () => {
    const texts = ["just a plain text of some length", "and another one of these, é as it is", "the last of all these three texts"];
    // Twice: what was written before must not show through.
    for (let i = 0; i < 2; i++) {
      const bytes = encode(Lists, { texts: Array.from({ length: 9 }, (_, i) => texts[i % 3] as string) });
      const found = Buffer.from(bytes).toString("latin1");
      for (const text of texts) {
        const piece = Buffer.from(text).toString("latin1");
        const end = found.indexOf(piece) + piece.length;
        const padded = Math.ceil((end + 1) / 8) * 8;
        expect(found.slice(end, padded)).toBe("\0".repeat(padded - end));
      }
    }
  });
});
