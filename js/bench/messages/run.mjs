// Races messages in JavaScript: in Node, and in Chromium with `--chromium` ($CHROME_PATH names it, else PATH).
// `--only <case>` runs the cases whose name contains that, `--rounds <n>` changes how long it takes, `--no-node` leaves Node
// out and `--as-is` measures the package that is there instead of building it.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";
import { inChromium } from "../chromium.mjs";
import { tables } from "./tables.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../../..");
const target = join(root, "target/message-bench");
const { values: options } = parseArgs({
  options: { chromium: { type: "boolean" }, only: { type: "string" }, rounds: { type: "string" }, "as-is": { type: "boolean" }, "no-node": { type: "boolean" } },
});
const settings = { ...(options.rounds && { rounds: Number(options.rounds) }), ...(options.only && { only: options.only }) };

mkdirSync(target, { recursive: true });
if (!options["as-is"]) execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });
generate();
const columns = options["no-node"] ? {} : { [`Node ${process.versions.node}`]: await inNode() };
if (options.chromium) columns.Chromium = await inBrowser();
const text = tables(columns);
console.log(text);
writeFileSync(join(target, "results.md"), text);

function generate() {
  const schemas = ["carsales", "eval", "catrank"].map((name) => `${name}.capnp`);
  execFileSync(
    "cargo",
    ["run", "--quiet", "--package", "capstan-cli", "--bin", "capstan", "--manifest-path", join(root, "Cargo.toml"), "--", "compile", "-o", `js:${join(target, "ours")}`, ...schemas],
    { cwd: join(root, "crates/interop/schemas"), stdio: "inherit" },
  );
}

/** Packages are not bundled: each brings what it has for Node. */
async function inNode() {
  const external = ["avsc", "capnp-es", "capnp-ts", "capstan", "msgpackr", "protobufjs"].map((name) => new RegExp(`^${name}(/|$)`));
  await bundle({ outDir: join(target, "node"), platform: "node", external });
  const { run } = await import(pathToFileURL(join(target, "node/race.mjs")).href);
  return run(settings);
}

async function inBrowser() {
  await bundle({ outDir: join(target, "chromium"), platform: "browser", external: [] });
  return inChromium({
    module: join(target, "chromium/race.mjs"),
    files: { "/capstan.wasm": join(root, "node_modules/capstan/wasm/capstan_web_bg.wasm") },
    call: `run({ wasm: new URL("/capstan.wasm", location.href), ...${JSON.stringify(settings)} })`,
  });
}

function bundle({ outDir, platform, external }) {
  const shims = { util: join(here, "shims/util.mjs"), buffer: join(root, "node_modules/buffer/index.js") };
  return build({
    root: here,
    configFile: false,
    logLevel: "warn",
    resolve: { alias: { ours: join(target, "ours"), ...(platform === "browser" && shims) } },
    define: { "process.env.NODE_ENV": '"production"' },
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
