/*
 * What it costs to get plain objects into messages in wasm memory and back: the way that was taken against those that
 * were not. README.md next to this file has the results. `run.mjs` builds and runs it, in Node and in Chromium.
 */
import * as glue from "../wasm/capstan_web.js";
import { decode, encode } from "../src/message.js";
import { attach } from "../src/seam/memory.js";
import { encodeContent, sizeHint } from "../src/seam/outgoing.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { ByteSink, Files } from "../test/generated/files.capnp.js";
import { Candidates } from "./candidates.js";

export type Result = [name: string, nanoseconds: number];

interface Case {
  readonly type: StructDescriptor;
  readonly value: object;
}

export async function run(capstanWasm: BufferSource, candidatesWasm: BufferSource): Promise<Result[]> {
  attach(await glue.default({ module_or_path: capstanWasm }));
  const { instance } = await WebAssembly.instantiate(candidatesWasm, {});
  const candidates = new Candidates(instance.exports);
  const results: Result[] = [];
  const measure = (name: string, work: () => unknown): void => {
    results.push([name, nanoseconds(work)]);
  };

  measure("a call that does nothing", () => candidates.nothing());
  for (const [name, { type, value }] of Object.entries(cases())) {
    const clients: object[] = [];
    measure(`${name}: encode, straight-line into the frame (ours)`, () => {
      glue.call_begin(0, 0, 0, sizeHint(type));
      encodeContent(type, value, clients);
      glue.build_abort();
    });
    measure(`${name}:   of which begin and abort`, () => {
      glue.call_begin(0, 0, 0, sizeHint(type));
      glue.build_abort();
    });
    measure(`${name}: encode, interpreted descriptors`, () => candidates.interpreted(name, value));
    measure(`${name}: encode, commands replayed by Rust`, () => candidates.commands(name, value));
    measure(`${name}: encode, a call per field`, () => candidates.callPerField(name, value));
    measure(`${name}: encode() to bytes`, () => encode(type, value));

    const bytes = encode(type, value);
    check(decode(type, bytes), value);
    measure(`${name}: decode(), table and straight-line (ours)`, () => decode(type, bytes));
    candidates.callPerField(name, value);
    check(candidates.callPerPointer(name), value);
    measure(`${name}: decode, a call per pointer`, () => candidates.callPerPointer(name));

    if (name === "write") continue;
    const numbers = JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each)));
    const json = JSON.stringify(numbers);
    measure(`${name}: JSON.stringify`, () => JSON.stringify(numbers));
    measure(`${name}: JSON.parse`, () => JSON.parse(json));
  }
  return results;
}

/** The main job's two calls, and a list. */
function cases(): Record<string, Case> {
  const params = (descriptor: { $: { methods: readonly { params: () => StructDescriptor }[] } }, method: number): StructDescriptor => {
    const found = descriptor.$.methods[method];
    if (!found) throw new Error("no such method");
    return found.params();
  };
  const random = seeded(12345);
  const letters = (length: number): string =>
    String.fromCharCode(...Array.from({ length }, () => 97 + Math.floor(random() * 26)));
  const entries = Array.from({ length: 100 }, () => ({
    name: letters(8 + Math.floor(random() * 17)),
    size: BigInt(Math.floor(random() * 2 ** 40)),
  }));
  const results = Files.$.methods[1]?.results;
  if (!results) throw new Error("no such method");
  return {
    write: { type: params(ByteSink, 0), value: { chunk: Uint8Array.from({ length: 65536 }, () => random() * 256) } },
    create: { type: params(Files, 0), value: { name: "holiday-photo-2026.jpg", size: 123456789n } },
    list: { type: results(), value: { entries } },
  };
}

function nanoseconds(work: () => unknown): number {
  const round = (calls: number): number => {
    const before = performance.now();
    for (let i = 0; i < calls; i++) work();
    return performance.now() - before;
  };
  // Warms up, and finds how many calls take 4 ms: browsers' clocks tick every tenth of one.
  let calls = 1;
  while (Math.min(round(calls), round(calls), round(calls)) < 4) calls *= 2;
  const rounds = Array.from({ length: 25 }, () => round(calls) / calls);
  rounds.sort((a, b) => a - b);
  // The lower quartile: other work on the machine only ever adds.
  return Math.round((rounds[6] ?? 0) * 1e6);
}

function check(found: unknown, expected: unknown): void {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each));
  if (text(found) !== text(expected)) throw new Error(`a candidate is wrong: ${text(found).slice(0, 200)}`);
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x80000000;
}
