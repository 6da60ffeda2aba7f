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
    table(`Node ${process.versions.node}`, await run({ ...settings, WebSocket, processorMicros }));
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
  console.log(`\n| ${engine}, 64 KiB at a time | MB/s | of bare frames |${costs ? " µs of processor per MiB | times bare frames |" : ""}`);
  console.log(`|---|--:|--:|${costs ? "--:|--:|" : ""}`);
  let bare;
  for (const row of rows) {
    if (BARE.includes(row.name)) bare = row;
    // Of each round by itself: what else the machine does changes from one to the next.
    const columns = [row.name];
    for (const figure of costs ? ["rates", "costs"] : ["rates"]) {
      columns.push(median(row[figure]).toFixed(0), bare === undefined ? "" : median(row[figure].map((value, round) => value / bare[figure][round])).toFixed(2));
    }
    console.log(`| ${columns.join(" | ")} |`);
  }
  console.log("\n| a small call | calls | p50, ms | p99, ms |");
  console.log("|---|--:|--:|--:|");
  for (const [where, { count, p50, p99 }] of Object.entries(calls)) {
    if (count > 0) console.log(`| ${where} | ${count} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`);
  }
}
