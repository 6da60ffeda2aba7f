// Reads a little of a large message in Node, and in Chromium with `--chromium` ($CHROME_PATH names it, else PATH).
// `--as-is` measures the package that is there instead of building it.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { inChromium } from "../chromium.mjs";
import { buildPackage, bundle, compileSchemas, root, WASM } from "../race-tools.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = join(root, "target/views-bench");
const { values: options } = parseArgs({ options: { chromium: { type: "boolean" }, "as-is": { type: "boolean" } } });

if (!options["as-is"]) buildPackage();
compileSchemas(target, "carsales.capnp");

const columns = { [`Node ${process.versions.node}`]: await inNode() };
if (options.chromium) columns.Chromium = await inBrowser();
for (const [engine, { sizes, few, single }] of Object.entries(columns)) {
  const best = few["read(), three fields, release()"];
  console.log(`\n### ${engine}: three fields of ${sizes.bytes} bytes (${sizes.json} of JSON)\n`);
  for (const [name, micros] of Object.entries(few)) console.log(`${name}: ${micros.toFixed(1)} µs (${(micros / best).toFixed(1)})`);
  console.log("\nOne access:\n");
  for (const [name, nanos] of Object.entries(single)) console.log(`${name}: ${nanos.toFixed(1)} ns`);
}

async function inNode() {
  const module = await bundle({ here, target, engine: "node", external: ["capstan"] });
  const { run } = await import(pathToFileURL(module).href);
  return run({});
}

async function inBrowser() {
  return inChromium({
    module: await bundle({ here, target, engine: "chromium", external: [] }),
    files: WASM,
    call: `run({ wasm: new URL("/messages.wasm", location.href) })`,
  });
}
