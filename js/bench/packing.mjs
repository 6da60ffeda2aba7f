// Packing and unpacking in Node, next to capnp-es, through the functions that each offers: `npm run build`, then
// `node js/bench/packing.mjs`. MB/s of unpacked bytes; the native figures are those of `npm run bench:message`.
import { readFileSync } from "node:fs";
import { Message } from "capnp-es";
import { build } from "vite";

const root = new URL("../../", import.meta.url).pathname;
const outDir = `${root}target/packing-bench`;
await build({
  configFile: false,
  logLevel: "warn",
  build: { lib: { entry: `${root}js/src/index.ts`, formats: ["es"], fileName: () => "capstan.js" }, outDir, emptyOutDir: true, minify: false, target: "es2022" },
});
const { init, pack, PackStream, unpack, UnpackStream } = await import(`${outDir}/capstan.js`);
await init({ runtime: readFileSync(`${root}js/wasm/capstan_web_bg.wasm`), messages: readFileSync(`${root}js/wasm-messages/capstan_messages_bg.wasm`) });

const ROUNDS = 7;
const ROUND_MILLIS = 40;

let state = 88172645;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

/** A message of one segment: a Data of so many bytes. */
function blob(bytes, byte) {
  const frame = new Uint8Array(24 + bytes);
  const view = new DataView(frame.buffer);
  view.setUint32(4, 2 + bytes / 8, true);
  view.setUint32(8 + 4, 1 << 16, true);
  view.setUint32(16, 1, true);
  view.setUint32(20, (bytes << 3) | 2, true);
  for (let i = 24; i < frame.length; i++) frame[i] = byte(i);
  return frame;
}

const only = process.argv[2];
const MIB = 1 << 20;
/** Words as those of records: counters, flags, a few characters. */
const RECORD = [0x03, 0x11, 0x00, 0x81, 0x0f, 0x1f, 0x00, 0xff];
const cases = {
  "records": blob(MIB, (i) => ((RECORD[(i >> 3) % 8] >> (i & 7)) & 1 ? 1 + (random() % 200) : 0)),
  "records, 1 KiB": blob(1024, (i) => ((RECORD[(i >> 3) % 8] >> (i & 7)) & 1 ? 1 + (random() % 200) : 0)),
  "text": blob(MIB, () => 32 + (random() % 90)),
  "random bytes": blob(MIB, () => random() & 255),
  "zeros": blob(MIB, () => 0),
  "one byte in 100": blob(MIB, () => (random() % 100 === 0 ? 1 : 0)),
};

const rows = [];
for (const [name, frame] of Object.entries(cases)) {
  if (only && name !== only) continue;
  const packed = pack(frame);
  if (Buffer.compare(unpack(packed), frame) !== 0) throw new Error(`${name} does not survive`);
  const message = new Message(frame.slice().buffer, false);
  if (Buffer.compare(Buffer.from(message.toPackedArrayBuffer()), packed) !== 0) console.log(`(${name}: capnp-es packs to other bytes)`);
  const rivals = {
    "pack": () => pack(frame),
    "pack, capnp-es": () => message.toPackedArrayBuffer(),
    "unpack": () => unpack(packed),
    "unpack, capnp-es": () => new Message(packed, true),
  };
  const speeds = Object.fromEntries(Object.keys(rivals).map((rival) => [rival, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [rival, work] of Object.entries(rivals)) speeds[rival].push(speed(work, frame.length));
  }
  const row = Object.fromEntries(Object.entries(speeds).map(([rival, found]) => [rival, Math.round(median(found))]));
  row["PackStream"] = Math.round(await streamSpeed(frame, () => new PackStream()));
  row["UnpackStream"] = Math.round((await streamSpeed(packed, () => new UnpackStream())) * (frame.length / packed.length));
  rows.push({ message: name, ...row });
}
console.table(rows);

function speed(work, bytes) {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < ROUND_MILLIS) {
    work();
    count++;
  }
  return (count * bytes) / 1000 / (performance.now() - start);
}

/** Of 32 times the input, in chunks of 64 KiB. */
async function streamSpeed(input, make) {
  const found = [];
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    const chunks = (function* () {
      for (let i = 0; i < 32; i++) for (let at = 0; at < input.length; at += 65536) yield input.subarray(at, at + 65536);
    })();
    for await (const _ of ReadableStream.from(chunks).pipeThrough(make()));
    found.push((32 * input.length) / 1000 / (performance.now() - start));
  }
  return median(found);
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
