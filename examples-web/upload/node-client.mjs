// Sends a file from Node, as the page does from a browser:
//
//   node node-client.mjs http://127.0.0.1:8080 path/to/file
//
// Prints one line of JSON per report, in the shapes that the page uses.

import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";

import { CapnpError, connect, streamStats, writable } from "capstan";
import { Files } from "./files.capnp.js";

const LOOK_EVERY_MS = 100;

async function main(server, path) {
  const file = await openFile(path);
  const name = basename(path);
  const connection = await connect(new URL("/rpc", server.replace(/^http/, "ws")).href);
  try {
    const { sink } = connection.bootstrap(Files).create({ name, size: file.size });

    const started = performance.now();
    const show = (inFlight, sent) => {
      const elapsedMs = performance.now() - started;
      const window = connection.stats().window;
      report({ sent, total: file.size, inFlight, window, mbps: speed(sent, elapsedMs), elapsedMs });
    };
    show(0, 0);
    const looking = setInterval(() => {
      const stream = streamStats(sink);
      // What was sent is counted in calls, which are a little longer than their data.
      if (stream) show(stream.inFlight, Math.min(file.size, stream.delivered + stream.inFlight));
    }, LOOK_EVERY_MS);
    try {
      await file.stream().pipeTo(writable(sink));
    } catch (error) {
      // pipeTo passes on the error of the side that failed.
      throw error instanceof CapnpError ? error : new Error(`cannot read ${path}: ${error.message}`, { cause: error });
    } finally {
      clearInterval(looking);
    }
    const elapsedMs = performance.now() - started;
    show(0, file.size);

    const sha256 = await hashOf(file);
    const seconds = elapsedMs / 1000;
    report({ done: true, bytes: file.size, seconds, mbps: speed(file.size, elapsedMs), sha256 });
  } finally {
    await connection.close();
  }
}

async function openFile(path) {
  try {
    // openAsBlob takes whatever has a size; a directory would only fail once it is read.
    if (!(await stat(path)).isFile()) throw new Error("it is not a file");
    return await openAsBlob(path);
  } catch (error) {
    throw new Error(`cannot read ${path}: ${error.message}`, { cause: error });
  }
}

/** In 10^6 bytes per second. */
function speed(bytes, elapsedMs) {
  return bytes / 1e3 / Math.max(elapsedMs, 1e-3);
}

async function hashOf(file) {
  const hash = createHash("sha256");
  for await (const chunk of file.stream()) hash.update(chunk);
  return hash.digest("hex");
}

function report(body) {
  console.log(JSON.stringify(body));
}

const [server, path] = process.argv.slice(2);
if (server === undefined || path === undefined) {
  report({ error: "usage: node node-client.mjs http://HOST:PORT FILE" });
  process.exitCode = 1;
} else {
  try {
    await main(server, path);
  } catch (error) {
    report({ error: error.message });
    process.exitCode = 1;
  }
}
