// By how much a page grows that pipes 256 MiB to a server that takes 20 MB/s: its process's resident memory in Chromium, started directly. Beside
// Capstan's stream, a plain `WritableStream` that takes as long and keeps nothing: what that grows by is the browser's own. Each case
// has a browser of its own. `--rounds <n>` repeats, `--only <part of a name>` leaves cases out, `--as-is` builds nothing.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { inChromium } from "../chromium.mjs";
import { buildPackage, median, root, serverOf, WASM } from "../race-tools.mjs";

const MIB = 1 << 20;
const BYTES = 256 * MIB;
const PACE = 20_000_000;
const SAMPLE_MS = 50;
const CASES = {
  "the same chunk": { source: "chunk", target: "capstan" },
  "the same chunk, plain": { source: "chunk", target: "plain" },
  "file.stream()": { source: "file", target: "capstan" },
  "file.stream(), plain": { source: "file", target: "plain" },
};
const { values: options } = parseArgs({ options: { rounds: { type: "string" }, only: { type: "string" }, "as-is": { type: "boolean" } } });

if (!options["as-is"]) {
  buildPackage();
  execFileSync("cargo", ["build", "--quiet", "--release", "--package", "upload-server"], { cwd: root, stdio: "inherit" });
}
const work = mkdtempSync(join(tmpdir(), "capstan-memory-"));
// The server wants to have a page, which nobody opens.
writeFileSync(join(work, "index.html"), "");
const server = serverOf(join(root, "target/release/upload-server"), ["--port", "0", "--assets", work, "--pace", String(PACE)]);
try {
  const file = join(work, "file.bin");
  writeFileSync(file, randomBytes(BYTES));
  const module = join(work, "page.mjs");
  await build({ entryPoints: [fileURLToPath(new URL("memory-page.mjs", import.meta.url))], bundle: true, format: "esm", outfile: module });
  const url = (await server.line).replace("listening http", "ws") + "/rpc";
  const rounds = Number(options.rounds ?? 3);
  console.log(`| 256 MiB at 20 MB/s | at most, MiB | at the end, MiB |`);
  console.log("|---|--:|--:|");
  for (const [name, setting] of Object.entries(CASES).filter(([name]) => options.only === undefined || name.includes(options.only))) {
    const found = [];
    for (let round = 0; round < rounds; round++) found.push(await growth({ ...setting, url, bytes: BYTES, pace: PACE }, module, file));
    const all = (figures) => `${median(figures).toFixed(1)} (${figures.map((each) => each.toFixed(1)).join(", ")})`;
    console.log(`| ${name} | ${all(found.map(({ most }) => most))} | ${all(found.map(({ last }) => last))} |`);
  }
} finally {
  server.stop();
  rmSync(work, { recursive: true, force: true });
}

/** MiB by which the page's process grew. */
async function growth(setting, module, file) {
  const samples = [];
  let timer;
  const { began, ended } = await inChromium({
    module,
    files: { ...WASM, "/file.bin": file },
    call: `run(${JSON.stringify(setting)})`,
    started: (pid) => (timer = setInterval(() => samples.push({ at: Date.now(), of: renderers(pid) }), SAMPLE_MS)),
  }).finally(() => clearInterval(timer));
  const before = samples.findLast(({ at }) => at <= began);
  const during = samples.filter(({ at }) => at > began && at <= ended);
  // The page's is the one that does something.
  const grown = [...before.of].map(([id, bytes]) => {
    const sizes = during.map(({ of }) => ((of.get(id) ?? bytes) - bytes) / MIB);
    return { most: Math.max(...sizes), last: sizes.at(-1) };
  });
  return grown.reduce((one, other) => (one.most > other.most ? one : other));
}

/** What each of the browser's processes for pages has in memory, by its id. */
function renderers(browser) {
  const read = (id, file) => {
    try {
      return readFileSync(`/proc/${id}/${file}`, "latin1");
    } catch {
      // It has ended since.
      return "";
    }
  };
  const isOurs = (id) => {
    let each = id;
    while (Number(each) > 1 && each !== String(browser)) each = /^PPid:\s+(\d+)/m.exec(read(each, "status"))?.[1] ?? "0";
    return each === String(browser);
  };
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && read(name, "cmdline").includes("--type=renderer") && isOurs(name));
  return new Map(ids.map((id) => [id, Number(/^VmRSS:\s+(\d+) kB/m.exec(read(id, "status"))?.[1] ?? 0) * 1024]));
}
