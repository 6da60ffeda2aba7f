// Races streams: natively against the `capnp-rpc` crate and bare frames, then from Node, and from Chromium with `--chromium`, against
// bare WebSocket frames. `--rounds <n>` and `--mib <n>` change how long it takes, `--only <part of a name>` leaves contenders out,
// `--no-native` and `--no-node` leave parts out, and `--as-is` measures the package that is there instead of building it.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import WebSocket from "ws";
import { inChromium } from "../chromium.mjs";
import { buildPackage, bundle, compileSchemas, median, root, serverOf, WASM } from "../race-tools.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = join(root, "target/streams-bench");
const BENCH = ["bench", "--quiet", "--package", "capstan-interop", "--bench", "streams"];
const { values: options } = parseArgs({
  options: {
    chromium: { type: "boolean" },
    rounds: { type: "string" },
    mib: { type: "string" },
    only: { type: "string" },
    "as-is": { type: "boolean" },
    "no-native": { type: "boolean" },
    "no-node": { type: "boolean" },
  },
});
const rounds = Number(options.rounds ?? 15);
/** What those that follow are compared with. */
const BARE = ["bare frames", "bare frames of a Blob"];
const NOT_MASKED = ", not masked";

if (!options["as-is"]) buildPackage();
compileSchemas(target, "streams.capnp");
console.log(`${cpus().length} × ${cpus()[0].model}\n`);
if (!options["no-native"]) execFileSync("cargo", [...BENCH, "--", "--rounds", String(rounds)], { cwd: root, stdio: "inherit" });

const server = serverOf("cargo", [...BENCH, "--", "--serve"]);
try {
  const settings = { ...JSON.parse(await server.line), rounds, bytes: Number(options.mib ?? 64) << 20, only: options.only };
  if (!options["no-node"]) {
    const module = await bundle({ here, target, engine: "node", external: ["capstan", "ws"] });
    setFlagsFromString("--expose-gc");
    globalThis.gc = runInNewContext("gc");
    const { run } = await import(pathToFileURL(module).href);
    table(`Node ${process.versions.node}`, await run({ ...settings, WebSocket, unmasked: { generateMask: (key) => void key.fill(0) }, processorMicros }));
  }
  if (options.chromium) {
    const found = await inChromium({
      module: await bundle({ here, target, engine: "chromium", external: [] }),
      files: WASM,
      call: `run({ ...${JSON.stringify(settings)}, wasm: new URL("/capstan.wasm", location.href) })`,
    });
    table("Chromium", found);
  }
} finally {
  server.stop();
}

/** What Node has taken of the processor. */
function processorMicros() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function table(engine, { rows, calls }) {
  // Through JSON, NaN is null.
  const costs = Number.isFinite(rows[0].costs[0]);
  const hasUnmasked = rows.some(({ name }) => name.endsWith(NOT_MASKED));
  const headings = [`${engine}, 64 KiB at a time`, "MB/s", "of bare frames", ...(hasUnmasked ? ["of those not masked"] : [])];
  if (costs) headings.push("µs of processor per MiB", "times bare frames");
  console.log(`\n| ${headings.join(" | ")} |\n|---${"|--:".repeat(headings.length - 1)}|`);
  let bare;
  let unmasked;
  for (const row of rows) {
    if (BARE.includes(row.name)) [bare, unmasked] = [row, undefined];
    if (row.name.endsWith(NOT_MASKED)) unmasked = row;
    // Of each round by itself: what else the machine does changes from one to the next.
    const ofThat = (figure, other) => (other === undefined ? "" : median(row[figure].map((value, round) => value / other[figure][round])).toFixed(2));
    const columns = [row.name, median(row.rates).toFixed(0), ofThat("rates", bare), ...(hasUnmasked ? [ofThat("rates", unmasked)] : [])];
    if (costs) columns.push(median(row.costs).toFixed(0), ofThat("costs", bare));
    console.log(`| ${columns.join(" | ")} |`);
  }
  console.log("\n| a small call | calls | p50, ms | p99, ms |");
  console.log("|---|--:|--:|--:|");
  for (const [where, { count, p50, p99 }] of Object.entries(calls)) {
    if (count > 0) console.log(`| ${where} | ${count} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`);
  }
}
