// What a small call takes beside a stream at full speed, on one connection from Node: Capstan and bare frames to the same server in
// Rust, capnweb to its own in Node, taking turns. `--rounds <n>` and `--mib <n>` change how long it takes, `--as-is` measures the
// package and the server that are there.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { newWebSocketRpcSession } from "capnweb";
import { connect, writable } from "capstan";
import WebSocket from "ws";
import { Files } from "../../../examples-web/upload/files.capnp.js";
import { buildPackage, median, root, serverOf } from "../race-tools.mjs";

const CHUNK_BYTES = 65536;
/** Between one small call's answer and the next call. */
const PAUSE_MS = 2;
/** How much may wait in the socket before the bare frames' sender waits, and before it goes on. */
const FULL_BYTES = 8 << 20;
const LOW_BYTES = 4 << 20;

const { values: options } = parseArgs({ options: { rounds: { type: "string" }, mib: { type: "string" }, "as-is": { type: "boolean" } } });
const rounds = Number(options.rounds ?? 5);
const count = (Number(options.mib ?? 512) << 20) / CHUNK_BYTES;

if (!options["as-is"]) {
  buildPackage();
  execFileSync("cargo", ["build", "--quiet", "--release", "--package", "upload-server"], { cwd: root, stdio: "inherit" });
}
// The server wants a page to serve; anything with an index.html is one.
const assets = join(root, "examples-web/upload");
const rust = serverOf(join(root, "target/release/upload-server"), ["--port", "0", "--assets", assets, "--keep", "0"]);
const node = serverOf(process.execPath, [join(import.meta.dirname, "capnweb-server.mjs")]);
try {
  const address = (await rust.line).replace("listening http", "ws");
  const peers = [await capstan(`${address}/rpc`), await bareFrames(`${address}/bare`), await capnweb(`ws://127.0.0.1:${await node.line}/`)];
  const found = new Map(peers.map(({ name }) => [name, { rates: [], took: [] }]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const peer of peers) {
      const { rate, took } = await race(peer);
      if (round === 0) continue;
      found.get(peer.name).rates.push(rate);
      found.get(peer.name).took.push(...took);
    }
  }
  for (const { close } of peers) close();
  console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.versions.node}, ${rounds} rounds of ${count} chunks of ${CHUNK_BYTES / 1024} KiB\n`);
  console.log("| | stream | small call p50 | p99 | calls |\n|---|--:|--:|--:|--:|");
  for (const [name, { rates, took }] of found) {
    took.sort((a, b) => a - b);
    const at = (share) => `${took[Math.floor(took.length * share)].toFixed(2)} ms`;
    console.log(`| ${name} | ${median(rates).toFixed(0)} MB/s | ${at(0.5)} | ${at(0.99)} | ${took.length} |`);
  }
} finally {
  rust.stop();
  node.stop();
}

/** Streams, and calls beside it. */
async function race({ stream, call }) {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const took = [];
  let isOver = false;
  const calling = (async () => {
    while (!isOver) {
      const made = performance.now();
      await call();
      took.push(performance.now() - made);
      await pause(PAUSE_MS);
    }
  })();
  const started = performance.now();
  await stream(chunk);
  const rate = (count * CHUNK_BYTES) / 1e3 / (performance.now() - started);
  isOver = true;
  await calling;
  return { rate, took };
}

async function capstan(url) {
  const connection = await connect(url);
  const files = connection.bootstrap(Files);
  return {
    name: "capstan",
    async stream(chunk) {
      const { sink } = files.create({ name: "bench", size: count * CHUNK_BYTES });
      await pipe(writable(sink), chunk);
    },
    call: () => files.list(),
    close: () => void connection.close(),
  };
}

async function capnweb(url) {
  // It looks for its constants there, where Node 20 has nothing.
  globalThis.WebSocket ??= WebSocket;
  const socket = await opened(url);
  const stub = newWebSocketRpcSession(socket);
  return {
    name: "capnweb",
    stream: async (chunk) => pipe(await stub.open(), chunk),
    call: () => stub.ping(),
    close: () => stub[Symbol.dispose](),
  };
}

async function bareFrames(url) {
  const socket = await opened(url);
  const waiting = [];
  socket.onmessage = () => waiting.shift()();
  // All that was sent before it is counted first, as with any call in order.
  const call = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      socket.send("end");
    });
  return {
    name: "bare frames",
    async stream(chunk) {
      for (let i = 0; i < count; i++) {
        socket.send(chunk);
        if (socket.bufferedAmount > FULL_BYTES) while (socket.bufferedAmount > LOW_BYTES) await nextTurn();
        // Otherwise nothing else could happen here.
        else if (i % 16 === 0) await nextTurn();
      }
      await call();
    },
    call,
    close: () => socket.close(),
  };
}

async function pipe(sink, chunk) {
  let left = count;
  const source = new ReadableStream({
    pull(controller) {
      controller.enqueue(chunk);
      if (--left === 0) controller.close();
    },
  });
  await source.pipeTo(sink);
}

function opened(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.onopen = () => resolve(socket);
    socket.onerror = reject;
  });
}

function pause(millis) {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

function nextTurn() {
  return new Promise((resolve) => setImmediate(resolve));
}
