// Races messages in JavaScript: in Node, and in Chromium with `--chromium` ($CHROME_PATH names it, else PATH).
// `--only <case>` runs the cases whose name contains that, `--rounds <n>` changes how long it takes, `--no-node` leaves Node
// out and `--as-is` measures the package that is there instead of building it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { inChromium } from "../chromium.mjs";
import { buildPackage, bundle, compileSchemas, root, WASM } from "../race-tools.mjs";
import { tables } from "./tables.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = join(root, "target/message-bench");
const { values: options } = parseArgs({
  options: { chromium: { type: "boolean" }, only: { type: "string" }, rounds: { type: "string" }, "as-is": { type: "boolean" }, "no-node": { type: "boolean" } },
});
const define = { "process.env.NODE_ENV": '"production"' };
const settings = { ...(options.rounds && { rounds: Number(options.rounds) }), ...(options.only && { only: options.only }) };

if (!options["as-is"]) buildPackage();
compileSchemas(target, "carsales.capnp", "eval.capnp", "catrank.capnp");
const columns = options["no-node"] ? {} : { [`Node ${process.versions.node}`]: await inNode() };
if (options.chromium) columns.Chromium = await inBrowser();
const text = tables(columns);
console.log(text);
writeFileSync(join(target, "results.md"), text);

/** Packages are not bundled: each brings what it has for Node. */
async function inNode() {
  const external = ["avsc", "capnp-es", "capnp-ts", "capstan", "msgpackr", "protobufjs"];
  const module = await bundle({ here, target, engine: "node", external, define });
  const { run } = await import(pathToFileURL(module).href);
  return run(settings);
}

async function inBrowser() {
  const alias = { util: join(here, "shims/util.mjs"), buffer: join(root, "node_modules/buffer/index.js") };
  return inChromium({
    module: await bundle({ here, target, engine: "chromium", external: [], alias, define }),
    files: WASM,
    call: `run({ wasm: new URL("/messages.wasm", location.href), ...${JSON.stringify(settings)} })`,
  });
}
