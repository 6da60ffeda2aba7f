// Runs all contests in the engine at hand and returns what was measured.
import { init } from "capstan";
import { race } from "./contest.mjs";
import { carsales } from "./cases/carsales.mjs";
import { catrank } from "./cases/catrank.mjs";
import { evaluation } from "./cases/eval.mjs";
import { fewFields } from "./cases/few-fields.mjs";
import { expectEqual } from "./verify.mjs";

export const CASES = { carsales, eval: evaluation, catrank };

/**
 * A case is a list of codecs, each with
 * - `encode()`: its bytes of the case's value, from a plain object,
 * - `sum(bytes)`: a number that depends on every field it has read from them,
 * - `plain(bytes)`: the value as Capstan decodes it, to be compared.
 */
export async function run({ wasm, rounds = 40, only = "" }) {
  await init({ messages: wasm });
  const rows = [];
  for (const [name, makeCase] of Object.entries(CASES)) {
    if (!name.includes(only)) continue;
    const { value, codecs } = makeCase();
    const bytes = new Map(codecs.map((codec) => [codec, codec.encode().slice()]));
    for (const codec of codecs) {
      expectEqual(codec.plain(bytes.get(codec)), value, `${name}, ${codec.name}`);
      if (!(codec.sum(bytes.get(codec)) > 0)) throw new Error(`${name}, ${codec.name}: no checksum`);
    }
    const encoders = codecs.map(({ name, encode }) => ({ name, run: () => lastOf(encode()) }));
    rows.push({ name, direction: "encode", micros: race(encoders, rounds) });
    const decoders = codecs.map((codec) => {
      const [{ name, sum }, own] = [codec, bytes.get(codec)];
      return { name, run: () => sum(own) };
    });
    rows.push({ name, direction: "decode", micros: race(decoders, rounds) });
    rows.push({ name, direction: "bytes", micros: Object.fromEntries(codecs.map((codec) => [codec.name, bytes.get(codec).length])) });
  }
  if ("three fields of 1 MiB".includes(only)) {
    const readers = fewFields();
    const [expected, ...others] = readers.map(({ run }) => run());
    if (others.some((found) => found !== expected)) throw new Error(`three fields of 1 MiB: ${[expected, ...others].join(" and ")} differ`);
    rows.push({ name: "three fields of 1 MiB", direction: "decode", micros: race(readers, rounds) });
  }
  return rows;
}

function lastOf(bytes) {
  return bytes.length + bytes[bytes.length - 1];
}
