// What the benches do before and around their races: they build the package, compile schemas, bundle what runs and start servers.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "vite";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where Chromium finds the package's WebAssembly, for `inChromium`. */
export const WASM = {
  "/capstan.wasm": join(root, "node_modules/capstan/wasm/capstan_web_bg.wasm"),
  "/messages.wasm": join(root, "node_modules/capstan/wasm-messages/capstan_messages_bg.wasm"),
};

export function buildPackage() {
  execFileSync("cargo", ["xtask", "wasm"], { cwd: root, stdio: "inherit" });
}

/** Compiles schemas of `crates/interop/schemas` to modules in `target`, which what is bundled imports from "ours/…". */
export function compileSchemas(target, ...schemas) {
  mkdirSync(target, { recursive: true });
  const run = ["run", "--quiet", "--package", "capstan-cli", "--bin", "capstan", "--manifest-path", join(root, "Cargo.toml"), "--"];
  execFileSync("cargo", [...run, "compile", "-o", `js:${join(target, "ours")}`, ...schemas], { cwd: join(root, "crates/interop/schemas"), stdio: "inherit" });
}

/** Bundles `race.mjs` of the bench in `here` for an engine, without the packages in `external`, and returns the module's path. */
export async function bundle({ here, target, engine, external, alias, define }) {
  const outDir = join(target, engine);
  await build({
    root: here,
    configFile: false,
    logLevel: "warn",
    resolve: { alias: { ours: join(target, "ours"), ...alias } },
    define,
    build: {
      lib: { entry: join(here, "race.mjs"), formats: ["es"], fileName: () => "race.mjs" },
      outDir,
      emptyOutDir: true,
      minify: false,
      target: "es2022",
      rolldownOptions: { external: external.map((name) => new RegExp(`^${name}(/|$)`)) },
    },
  });
  return join(outDir, "race.mjs");
}

/** A server whose first line says where it is. It ends with its standard input, or is ended: cargo's children hear only the former. */
export function serverOf(command, args) {
  const server = spawn(command, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const line = new Promise((resolve, reject) => {
    createInterface(server.stdout).once("line", resolve);
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`${command} ${args.join(" ")} ended before it said where it is`)));
  });
  const stop = () => {
    server.removeAllListeners("exit");
    server.stdin.end();
    server.kill();
  };
  return { line, stop };
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
