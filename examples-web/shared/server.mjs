// What the examples' servers in Node have in common: the built pages, and a WebSocket to call objects through.

import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";

import { attach } from "capstan/node";

const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".map": "application/json", ".wasm": "application/wasm" };

/** Who is silent for so long is asked for a sign of life; after as long again, they are gone. */
const IDLE_MS = 20_000;

/** How long streams may go on when the server is asked to end. */
const DRAIN_MS = 5_000;

/**
 * Serves, on the loopback address, the pages of `--assets DIR` and the object `bootstrap` at `path`. `answer` may answer requests itself:
 * it returns true then. Prints the address as soon as it listens.
 */
export async function serveExample({ path, bootstrap, answer = () => false }) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, assets: { type: "string" } } });
  if (values.assets === undefined) {
    console.error("--assets DIR is missing: where the built pages are (`npx vite build` makes them)");
    process.exit(1);
  }
  const server = createServer(async (request, response) => {
    const address = URL.canParse(request.url, "http://localhost") ? new URL(request.url, "http://localhost") : undefined;
    if (address === undefined) response.writeHead(400).end("that is no address\n");
    else if (!answer(address, request, response)) await sendFile(values.assets, address.pathname, response);
  });
  // Pages of other hosts are refused without being named here.
  const rpc = attach(server, { path, bootstrap, limits: { idleTimeout: IDLE_MS } });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    // Once: a second one ends the process at once.
    process.once(signal, async () => {
      server.close();
      await rpc.drain(DRAIN_MS);
      process.exit();
    });
  }
  server.listen(Number(values.port), "127.0.0.1");
  await once(server, "listening");
  console.log(`listening http://127.0.0.1:${server.address().port}`);
}

async function sendFile(assets, pathname, response) {
  // Nothing outside of the directory: `normalize` keeps no `..` behind a leading slash.
  const path = join(assets, normalize(pathname), pathname.endsWith("/") ? "index.html" : "");
  if (await stat(path).then((found) => found.isFile(), () => false)) {
    response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
    createReadStream(path).pipe(response);
  } else {
    response.writeHead(404).end("not found\n");
  }
}
