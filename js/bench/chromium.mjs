// Runs a module in Chromium, which is started directly: a driver or debugger would slow it down.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--js-flags=--expose-gc"];
const TYPES = { wasm: "application/wasm", mjs: "text/javascript", js: "text/javascript", bin: "application/octet-stream" };

/**
 * Imports `run` from `module` (a path) into a page, evaluates `call` there and returns what its promise gives, through JSON.
 * `files` are further paths by the address under which the page finds them; `started` is told the browser's process.
 */
export function inChromium({ module, files, call, started }) {
  const page = `<!doctype html><script type="module">
    const post = (body) => fetch("/result", { method: "POST", body: JSON.stringify(body) });
    import("/module.mjs").then(({ run }) => ${call}).then((value) => post({ value }), (error) => post({ error: String(error?.stack ?? error) }));
  </script>`;
  const served = { ...files, "/module.mjs": module };
  return new Promise((resolve, reject) => {
    const profile = mkdtempSync(join(tmpdir(), "capstan-bench-"));
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
          const { value, error } = JSON.parse(body);
          if (error) finish(reject, new Error(error));
          else finish(resolve, value);
        });
        return;
      }
      // Isolated pages get a clock that is 20 times as fine.
      const headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
      const file = served[request.url];
      if (file) response.writeHead(200, { ...headers, "content-type": TYPES[file.split(".").pop()] }).end(readFileSync(file));
      else if (request.url === "/") response.writeHead(200, { ...headers, "content-type": "text/html" }).end(page);
      else response.writeHead(404).end();
    });
    server.listen(0, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${server.address().port}/`;
      browser = spawn(process.env.CHROME_PATH ?? "chromium", [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
      started?.(browser.pid);
      browser.on("error", (error) => finish(reject, new Error(`Chromium did not start (${error.message}); CHROME_PATH can name another one`)));
    });
  });
}
