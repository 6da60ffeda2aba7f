// Races calls: natively against the `capnp-rpc` crate, then from Node, and from Chromium with `--chromium`, over WebSocket.
// `--rounds <n>` changes how long it takes, `--no-native` and `--no-node` leave parts out, and `--as-is` measures the package that is
// there instead of building it.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import WebSocket from "ws";
import { inChromium } from "../chromium.mjs";
import { buildPackage, bundle, compileSchemas, root, serverOf, WASM } from "../race-tools.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = join(root, "target/rpc-bench");
const { values: options } = parseArgs({
  options: { chromium: { type: "boolean" }, rounds: { type: "string" }, "as-is": { type: "boolean" }, "no-native": { type: "boolean" }, "no-node": { type: "boolean" } },
});
const rounds = Number(options.rounds ?? 21);

if (!options["as-is"]) buildPackage();
compileSchemas(target, "calls.capnp");
console.log(`${cpus().length} × ${cpus()[0].model}\n`);
if (!options["no-native"]) execFileSync("cargo", ["bench", "--quiet", "--package", "capstan-interop", "--bench", "rpc"], { cwd: root, stdio: "inherit" });

const rust = serverOf("cargo", ["bench", "--quiet", "--package", "capstan-interop", "--bench", "rpc", "--", "--serve"]);
const node = serverOf(process.execPath, [join(here, "capnweb-server.mjs")]);
try {
  const ports = { ...JSON.parse(await rust.line), ...JSON.parse(await node.line) };
  if (!options["no-node"]) {
    const module = await bundle({ here, target, engine: "node", external: ["capstan", "capnweb", "ws"] });
    const { run } = await import(pathToFileURL(module).href);
    // capnweb looks for its constants there, where Node 20 has nothing.
    globalThis.WebSocket ??= WebSocket;
    table(`Node ${process.versions.node}`, await run({ ...ports, rounds, WebSocket }));
  }
  if (options.chromium) {
    const found = await inChromium({
      module: await bundle({ here, target, engine: "chromium", external: [] }),
      files: WASM,
      call: `run({ ...${JSON.stringify({ ...ports, rounds })}, wasm: new URL("/capstan.wasm", location.href) })`,
    });
    table("Chromium", found);
  }
} finally {
  rust.stop();
  node.stop();
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
