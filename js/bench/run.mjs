// Builds the seam's bench and runs it in Node, and in Chromium with `--chromium` (which $CHROME_PATH names, else PATH).
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";
import { inChromium } from "./chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const target = join(root, "target/seam-bench");
const cargo = (...args) => execFileSync("cargo", args, { cwd: root, stdio: "inherit" });

mkdirSync(target, { recursive: true });
cargo("xtask", "wasm");
cargo("build", "-q", "--release", "--target", "wasm32-unknown-unknown", "--manifest-path", join(here, "seam/Cargo.toml"), "--target-dir", target);
await build({
  root: here,
  configFile: false,
  logLevel: "warn",
  resolve: { alias: { "capstan/codegen/v1": join(root, "js/src/codegen/v1.ts") } },
  build: { lib: { entry: join(here, "seam.ts"), formats: ["es"], fileName: () => "seam.js" }, outDir: target, emptyOutDir: false, minify: false, target: "es2022" },
});

const capstan = join(root, "js/wasm/capstan_web_bg.wasm");
const candidates = join(target, "wasm32-unknown-unknown/release/seam_candidates.wasm");
const columns = { [`Node ${process.versions.node}`]: await best(inNode) };
if (process.argv.includes("--chromium")) columns.Chromium = await best(inBrowser);
show(columns);

/** Of three runs, each row's fastest: other work on the machine only ever adds. */
async function best(measure) {
  const runs = [await measure(), await measure(), await measure()];
  return runs[0].map(([name], row) => [name, Math.min(...runs.map((run) => run[row][1]))]);
}

async function inNode() {
  const { run } = await import(pathToFileURL(join(target, "seam.js")).href);
  return run(readFileSync(capstan), readFileSync(candidates));
}

function inBrowser() {
  const bytes = "async (path) => (await fetch(path)).arrayBuffer()";
  return inChromium({
    module: join(target, "seam.js"),
    files: { "/capstan.wasm": capstan, "/candidates.wasm": candidates },
    call: `Promise.all(["/capstan.wasm", "/candidates.wasm"].map(${bytes})).then(([capstan, candidates]) => run(capstan, candidates))`,
  });
}

function show(columns) {
  const names = Object.keys(columns);
  const [first] = Object.values(columns);
  const lines = [`| ns | ${names.join(" | ")} |`, `|---|${names.map(() => "--:|").join("")}`];
  first.forEach(([name], row) => lines.push(`| ${name} | ${names.map((column) => columns[column][row][1]).join(" | ")} |`));
  const table = lines.join("\n");
  console.log(table);
  writeFileSync(join(target, "results.md"), `${table}\n`);
}
