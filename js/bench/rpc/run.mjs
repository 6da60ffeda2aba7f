// Races calls: natively against the `capnp-rpc` crate, then from Node, and from Chromium with `--chromium`, over WebSocket.
// `--rounds <n>` changes how long it takes, `--no-native` and `--no-node` leave parts out, and `--as-is` measures the package that is
// there instead of building it.
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
const target = join(root, "target/rpc-bench");
const { values: options } = parseArgs({
  options: { chromium: { type: "boolean" }, rounds: { type: "string" }, "as-is": { type: "boolean" }, "no-native": { type: "boolean" }, "no-node": { type: "boolean" } },
});
const rounds = Number(options.rounds ?? 21);

mkdirSync(target, { recursive: true });
if (!options["as-is"]) execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });
execFileSync(
  "cargo",
  ["run", "--quiet", "--package", "capstan-cli", "--bin", "capstan", "--manifest-path", join(root, "Cargo.toml"), "--", "compile", "-o", `js:${join(target, "ours")}`, "calls.capnp"],
  { cwd: join(root, "crates/interop/schemas"), stdio: "inherit" },
);
console.log(`${cpus().length} × ${cpus()[0].model}\n`);
if (!options["no-native"]) execFileSync("cargo", ["bench", "--quiet", "--package", "capstan-interop", "--bench", "rpc"], { cwd: root, stdio: "inherit" });

const rust = serverOf("cargo", ["bench", "--quiet", "--package", "capstan-interop", "--bench", "rpc", "--", "--serve"]);
const node = serverOf(process.execPath, [join(here, "capnweb-server.mjs")]);
try {
  const ports = { ...(await rust.ports), ...(await node.ports) };
  if (!options["no-node"]) {
    await bundle({ outDir: join(target, "node"), external: [/^capstan($|\/)/, /^capnweb$/, /^ws$/] });
    const { run } = await import(pathToFileURL(join(target, "node/race.mjs")).href);
    // capnweb looks for its constants there, where Node 20 has nothing.
    globalThis.WebSocket ??= WebSocket;
    table(`Node ${process.versions.node}`, await run({ ...ports, rounds, WebSocket }));
  }
  if (options.chromium) {
    await bundle({ outDir: join(target, "chromium"), external: [] });
    const found = await inChromium({
      module: join(target, "chromium/race.mjs"),
      files: { "/capstan.wasm": join(root, "node_modules/capstan/wasm/capstan_web_bg.wasm") },
      call: `run({ ...${JSON.stringify({ ...ports, rounds })}, wasm: new URL("/capstan.wasm", location.href) })`,
    });
    table("Chromium", found);
  }
} finally {
  rust.stop();
  node.stop();
}

/** A server whose first line says where it is, and which ends with its standard input. */
function serverOf(command, args) {
  const server = spawn(command, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const ports = new Promise((resolve, reject) => {
    createInterface(server.stdout).once("line", (line) => resolve(JSON.parse(line)));
    server.once("exit", () => reject(new Error(`${command} ${args.join(" ")} ended before it said where it is`)));
  });
  const stop = () => {
    server.removeAllListeners("exit");
    server.stdin.end();
  };
  return { ports, stop };
}

function table(engine, { callBytes, rows }) {
  console.log(`\n| ${engine}, over WebSocket | one at a time | times the echo | 256 in flight | times capnweb |`);
  console.log("|---|--:|--:|--:|--:|");
  const of = (name) => rows.find((row) => row.name === name);
  for (const { name, alone, rate } of rows) {
    const latency = `${alone.toFixed(1)} µs | ${(alone / of("bare echo").alone).toFixed(2)}`;
    console.log(`| ${name} | ${latency} | ${Math.round(rate).toLocaleString("en")}/s | ${(rate / of("capnweb").rate).toFixed(2)} |`);
  }
  console.log(`\nThe echo's frames have ${callBytes} bytes, as many as a call has.`);
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
