// From `import` to the first answer: a page in Chromium, started directly, that calls a server in Rust on loopback.
// Needs `npm run build` and `cargo build --release -p upload-server`. Prints milliseconds; asserts nothing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { inChromium } from "../chromium.mjs";

const BROWSERS = 7;
const ROUNDS = 15;
const root = join(import.meta.dirname, "../../..");
const work = mkdtempSync(join(tmpdir(), "capstan-startup-"));

// The page as a bundler makes it: one script, and the WebAssembly beside it.
const page = `
import { connect } from "capstan";
import { Files } from ${JSON.stringify(join(root, "examples-web/upload/files.capnp.js"))};
export async function first(url) {
  const connection = await connect(url);
  const { entries } = await connection.bootstrap(Files).list();
  const answered = performance.now();
  await connection.close();
  return { answered, entries };
}
`;
await build({
  stdin: { contents: page, resolveDir: root },
  bundle: true,
  minify: true,
  format: "esm",
  outfile: join(work, "page.js"),
  // The address of each round's script is passed on: a script that has been imported is not imported again.
  define: { "import.meta.url": "globalThis.__script" },
});

/** Imports the script under an address that is new, as a page does that was not there before. */
const measure = `
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
export async function run(url, rounds) {
  const times = { whole: [], wasm: [] };
  const streaming = WebAssembly.instantiateStreaming;
  for (let round = 0; round < rounds; round++) {
    let wasm = 0;
    WebAssembly.instantiateStreaming = async (...args) => {
      const began = performance.now();
      const made = await streaming.apply(WebAssembly, args);
      wasm = performance.now() - began;
      return made;
    };
    const address = new URL("/page.js?" + round, location.href).href;
    globalThis.__script = address;
    const began = performance.now();
    const { first } = await import(address);
    const { answered } = await first(url);
    times.whole.push(answered - began);
    times.wasm.push(wasm);
  }
  return { first: { whole: times.whole[0], wasm: times.wasm[0] }, median: { whole: median(times.whole), wasm: median(times.wasm) } };
}
`;
writeFileSync(join(work, "measure.mjs"), measure);
writeFileSync(join(work, "index.html"), "<!doctype html>");

const server = spawn(join(root, "target/release/upload-server"), ["--port", "0", "--assets", work], { stdio: ["ignore", "pipe", "inherit"] });
try {
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  const url = line.replace("listening http", "ws").replace(/\/?$/, "/rpc");
  const files = { "/capstan_web_bg.wasm": join(root, "js/wasm/capstan_web_bg.wasm") };
  for (let round = 0; round < ROUNDS; round++) files[`/page.js?${round}`] = join(work, "page.js");
  const call = `run(${JSON.stringify(url)}, ${ROUNDS})`;
  const seen = [];
  for (let count = 0; count < BROWSERS; count++) seen.push(await inChromium({ module: join(work, "measure.mjs"), files, call }));
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const over = (kind) => ({ whole: middle(seen.map((one) => one[kind].whole)), wasm: middle(seen.map((one) => one[kind].wasm)) });
  const text = ({ whole, wasm }) => `${whole.toFixed(1)} ms, of which WebAssembly fetched, compiled and instantiated ${wasm.toFixed(1)} ms`;
  console.log(`import to first answer in a new browser, median of ${BROWSERS}: ${text(over("first"))}`);
  console.log(`again in the same browser, median of ${ROUNDS}: ${text(over("median"))}`);
} finally {
  server.kill();
  rmSync(work, { recursive: true, force: true });
}
