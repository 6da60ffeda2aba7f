// Compiles all standard files with the native command and with Debian's `capnp`, taking turns; then a schema of 200 lines in
// WebAssembly, in Node, and in Chromium with `--chromium` ($CHROME_PATH names it, else PATH).
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { build } from "vite";
import { inChromium } from "../chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../..");
const target = join(root, "target/schema-bench");
const ROUNDS = 50;
const STARTS = 5;
const STANDARD = ["c++", "persistent", "rpc", "rpc-twoparty", "schema", "stream", "compat/byte-stream", "compat/http-over-capnp", "compat/json"];

console.log(`${cpus().length} × ${cpus()[0].model.trim()}; ${process.argv.slice(1).map((path) => path.replace(root, "")).join(" ")}`);
execFileSync("cargo", ["build", "--quiet", "--release", "--package", "capstan-cli"], { cwd: root, stdio: "inherit" });
if (!process.argv.includes("--as-is")) execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });

const peers = { capstan: join(root, "target/release/capstan"), capnp: "capnp" };
const times = { capstan: [], capnp: [] };
const cwd = join(root, "crates/schema");
const files = STANDARD.map((name) => `capnp/${name}.capnp`);
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, program] of Object.entries(peers)) {
    const from = performance.now();
    execFileSync(program, ["compile", "--no-standard-import", "-I.", "-o-", ...files], { cwd, env: { ...process.env, PWD: cwd } });
    times[name].push(performance.now() - from);
  }
}
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(`standard files from text, whole processes, medians of ${ROUNDS}: capstan ${median(times.capstan).toFixed(1)} ms, capnp ${median(times.capnp).toFixed(1)} ms`);

await build({
  root: here,
  configFile: false,
  logLevel: "warn",
  resolve: { alias: { compiler: join(root, "js/wasm-compiler/capstan_compiler.js") } },
  build: { lib: { entry: join(here, "race.mjs"), formats: ["es"], fileName: () => "race.mjs" }, outDir: target, emptyOutDir: true, minify: false, target: "es2022" },
});
const wasm = join(root, "js/wasm-compiler/capstan_compiler_bg.wasm");
const text = schema();
const { run } = await import(pathToFileURL(join(target, "race.mjs")).href);
show("Node", await run(readFileSync(wasm), text));
if (process.argv.includes("--chromium")) {
  // A second for the browser to finish starting: its own work is no part of the compiler's.
  const call = `new Promise((go) => setTimeout(go, 1000)).then(() => fetch("/compiler.wasm")).then((answer) => answer.arrayBuffer()).then((wasm) => run(wasm, ${JSON.stringify(text)}))`;
  const starts = [];
  for (let start = 0; start < STARTS; start++) starts.push(await inChromium({ module: join(target, "race.mjs"), files: { "/compiler.wasm": wasm }, call }));
  const middle = (name) => median(starts.map((times) => times[name]));
  show(`Chromium (medians of ${STARTS} starts)`, { load: middle("load"), first: middle("first"), later: middle("later") });
}

function show(engine, { load, first, later }) {
  console.log(`a schema of ${text.split("\n").length} lines in ${engine}: ${first.toFixed(1)} ms after ${load.toFixed(1)} ms of loading; later ones ${later.toFixed(1)} ms`);
}

/** Structs, enums, unions, generics and interfaces that refer to each other. */
function schema() {
  const lines = ["@0xc1d2e3f405162738;"];
  for (let part = 0; lines.length < 190; part++) {
    lines.push(
      `enum RoundColour${part} { red @0; green @1; blue @2; }`,
      `struct RoundThing${part} {`,
      "  # What a thing is.",
      `  id @0 :UInt64 = ${part};`,
      "  name @1 :Text;",
      `  colour @2 :RoundColour${part} = green;`,
      `  parts @3 :List(RoundThing${part});`,
      `  before @4 :RoundBox(RoundThing${Math.max(part - 1, 0)});`,
      "  union {",
      "    none @5 :Void;",
      "    size :group { width @6 :Float32; height @7 :Float32; }",
      "    label @8 :Text;",
      "  }",
      "}",
      `interface RoundShop${part} {`,
      `  find @0 (name :Text, limit :UInt32 = 10) -> (things :List(RoundThing${part}), more :RoundShop${part});`,
      "  watch @1 (chunk :Data) -> stream;",
      "}",
    );
  }
  lines.push("struct RoundBox(T) {", "  value @0 :T;", "  next @1 :RoundBox(T);", "}");
  return lines.join("\n");
}
