// Builds the seam's bench and runs it in Node, and in Chromium with `--chromium` (which $CHROME_PATH names, else PATH).
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

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
if (process.argv.includes("--chromium")) columns.Chromium = await best(inChromium);
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

/** Chromium is started directly: a driver would slow it down. */
function inChromium() {
  const page = `<script type="module">
    import { run } from "/seam.js";
    const bytes = async (path) => (await fetch(path)).arrayBuffer();
    const post = (body) => fetch("/result", { method: "POST", body: JSON.stringify(body) });
    run(await bytes("/capstan.wasm"), await bytes("/candidates.wasm")).then(post, (error) => post({ error: String(error) }));
  </script>`;
  const files = {
    "/": ["text/html", () => page],
    "/seam.js": ["text/javascript", () => readFileSync(join(target, "seam.js"))],
    "/capstan.wasm": ["application/wasm", () => readFileSync(capstan)],
    "/candidates.wasm": ["application/wasm", () => readFileSync(candidates)],
  };
  return new Promise((resolve, reject) => {
    const profile = mkdtempSync(join(tmpdir(), "seam-bench-"));
    let browser;
    const finish = (settle, value) => {
      server.close();
      server.closeAllConnections();
      // Its children write to the profile until they are gone; what cannot be removed is in the temporary directory.
      browser?.on("exit", () => rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }).catch(() => undefined));
      browser?.kill();
      settle(value);
    };
    const server = createServer((request, response) => {
      if (request.url === "/result") {
        let body = "";
        request.on("data", (chunk) => (body += chunk));
        request.on("end", () => {
          response.end();
          const found = JSON.parse(body);
          if (found.error) finish(reject, new Error(found.error));
          else finish(resolve, found);
        });
        return;
      }
      const file = files[request.url];
      if (!file) return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": file[0] }).end(file[1]());
    });
    server.listen(0, "127.0.0.1", () => {
      const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
      const url = `http://127.0.0.1:${server.address().port}/`;
      browser = spawn(process.env.CHROME_PATH ?? "chromium", [...flags, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
      browser.on("error", (error) => finish(reject, new Error(`Chromium did not start (${error.message}); CHROME_PATH can name another one`)));
    });
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
