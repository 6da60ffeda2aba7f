// Reads a little of a large message in Node, and in Chromium with `--chromium` ($CHROME_PATH names it, else PATH).
// `--as-is` measures the package that is there instead of building it.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { inChromium } from "../chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../..");
const target = join(root, "target/views-bench");
const { values: options } = parseArgs({ options: { chromium: { type: "boolean" }, "as-is": { type: "boolean" } } });

mkdirSync(target, { recursive: true });
if (!options["as-is"]) execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });
const compile = ["run", "--quiet", "--package", "capstan-cli", "--bin", "capstan", "--manifest-path", join(root, "Cargo.toml"), "--", "compile"];
execFileSync("cargo", [...compile, "-o", `js:${join(target, "ours")}`, "carsales.capnp"], { cwd: join(root, "crates/interop/schemas"), stdio: "inherit" });

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
  await bundle(join(target, "node"), [/^capstan(\/|$)/]);
  const { run } = await import(pathToFileURL(join(target, "node/race.mjs")).href);
  return run({});
}

async function inBrowser() {
  await bundle(join(target, "chromium"), []);
  return inChromium({
    module: join(target, "chromium/race.mjs"),
    files: { "/capstan.wasm": join(root, "node_modules/capstan/wasm/capstan_web_bg.wasm") },
    call: `run({ wasm: new URL("/capstan.wasm", location.href) })`,
  });
}

function bundle(outDir, external) {
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
