// Races streams: natively against the `capnp-rpc` crate and bare frames, then from Node, and from Chromium with `--chromium`, against
// bare WebSocket frames. `--rounds <n>` and `--mib <n>` change how long it takes, `--only <part of a name>` leaves contenders out,
// `--no-native` and `--no-node` leave parts out, and `--as-is` measures the package that is there instead of building it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import WebSocket from "ws";
import { inChromium } from "../chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../..");
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

mkdirSync(target, { recursive: true });
if (!options["as-is"]) execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });
execFileSync(
  "cargo",
  ["run", "--quiet", "--package", "capstan-cli", "--bin", "capstan", "--manifest-path", join(root, "Cargo.toml"), "--", "compile", "-o", `js:${join(target, "ours")}`, "streams.capnp"],
  { cwd: join(root, "crates/interop/schemas"), stdio: "inherit" },
);
console.log(`${cpus().length} × ${cpus()[0].model}\n`);
if (!options["no-native"]) execFileSync("cargo", [...BENCH, "--", "--rounds", String(rounds)], { cwd: root, stdio: "inherit" });

const server = spawn("cargo", [...BENCH, "--", "--serve"], { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
try {
  const ports = await new Promise((resolve, reject) => {
    createInterface(server.stdout).once("line", (line) => resolve(JSON.parse(line)));
    server.once("exit", () => reject(new Error("the server ended before it said where it is")));
  });
  const settings = { ...ports, rounds, bytes: Number(options.mib ?? 64) << 20, only: options.only };
  if (!options["no-node"]) {
    await bundle({ outDir: join(target, "node"), external: [/^capstan($|\/)/, /^ws$/] });
    const { run } = await import(pathToFileURL(join(target, "node/race.mjs")).href);
    table(`Node ${process.versions.node}`, await run({ ...settings, WebSocket, processorMicros }));
  }
  if (options.chromium) {
    await bundle({ outDir: join(target, "chromium"), external: [] });
    const found = await inChromium({
      module: join(target, "chromium/race.mjs"),
      files: { "/capstan.wasm": join(root, "node_modules/capstan/wasm/capstan_web_bg.wasm") },
      call: `run({ ...${JSON.stringify(settings)}, wasm: new URL("/capstan.wasm", location.href) })`,
    });
    table("Chromium", found);
  }
} finally {
  server.stdin.end();
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
    if (row.name.startsWith("bare")) bare = row;
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

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function bundle({ outDir, external }) {
  return build({
    root: here,
    configFile: false,
    logLevel: "warn",
    resolve: { alias: { ours: join(target, "ours") } },
    build: {
      lib: { entry: join(here, "race.mjs"), formats: ["es"], fileName: () => "race.mjs" },
      outDir,
      emptyOutDir: true,
      minify: false,
      target: "es2022",
      rolldownOptions: { external },
    },
  });
}
