// One run of `npm run bench:flow -- --links` from Node: what `crates/interop/benches/links` does natively, through the same line. Takes
// the same arguments, with `--proxy-binary` and `--schema` for where things are, and prints the same JSON.
import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { spawn } from "node:child_process";
import { connect, streamStats, writable } from "capstan";
import { newWebSocketRpcSession } from "capnweb";
import WebSocket from "ws";

const text = { type: "string" };
const names = ["peer", "rate", "rtt", "streams", "chunk", "seconds", "at", "then-rate", "then-rtt", "stop", "go-on", "proxy-binary", "schema"];
const { values: given } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, text])) });
const number = (name, otherwise) => (given[name] === undefined ? otherwise : Number(given[name]));
const seconds = number("seconds", 10);

const peer = given.peer === "capnweb" ? "capnweb" : "capstan";
const server = child(process.execPath, [join(import.meta.dirname, "link-server.mjs"), peer, given.schema]);
const line = child(given["proxy-binary"], ["--proxy", await server.next(), "--rate", given.rate, "--rtt", given.rtt]);
const client = await { capstan, capnweb }[peer](`ws://127.0.0.1:${await line.next()}/`);

const chunk = new Uint8Array(number("chunk", 65536));
const sinks = [];
for (let i = 0; i < number("streams", 1); i++) sinks.push(await client.open());
const begin = performance.now();
const end = begin + seconds * 1000;
for (const { stream } of sinks) void pour(stream);
const calls = [];
void call();
let window = 0;
let held = 0;
if (given.at !== undefined) {
  await until(number("at"));
  line.tell(`${number("then-rate", given.rate)} ${number("then-rtt", given.rtt)}`);
}
if (given.stop !== undefined) {
  await until(number("stop"));
  window = sinks[0].stats()?.window ?? 0;
  server.tell("stop");
  while (performance.now() < begin + number("go-on") * 1000) {
    held = Math.max(held, sinks[0].stats()?.inFlight ?? 0);
    await pause(10);
  }
  server.tell("go on");
}
await until(seconds);
const { user, system } = process.cpuUsage();
const busy = (user + system) / 1e3 / (performance.now() - begin);
server.tell(`report ${performance.timeOrigin + begin} ${seconds}`);
const bins = JSON.parse(await server.next());
console.log(JSON.stringify({ bins, calls, window, held, busy }));
process.exit();

async function pour(stream) {
  const writer = stream.getWriter();
  while (performance.now() < end) {
    await writer.ready;
    void writer.write(chunk);
  }
}

async function call() {
  for (;;) {
    const at = performance.now();
    await client.call();
    calls.push([(at - begin) / 1000, performance.now() - at]);
    await pause(7);
  }
}

async function capstan(url) {
  const { Streams } = await import(pathToFileURL(given.schema).href);
  const streams = (await connect(url)).bootstrap(Streams);
  return {
    async open() {
      const { sink } = await streams.open();
      return { stream: writable(sink), stats: () => streamStats(sink) };
    },
    call: () => streams.nothing(),
  };
}

async function capnweb(url) {
  // It looks for its constants there, where Node 20 has nothing.
  globalThis.WebSocket ??= WebSocket;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const stub = newWebSocketRpcSession(socket);
  return {
    open: async () => ({ stream: await stub.open(), stats: () => undefined }),
    call: () => stub.ping(),
  };
}

/** A process that is told and answers lines, and ends with this one. */
function child(command, args) {
  const { stdin, stdout } = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(stdout)[Symbol.asyncIterator]();
  return { next: async () => (await lines.next()).value, tell: (order) => void stdin.write(`${order}\n`) };
}

function until(second) {
  return pause(begin + second * 1000 - performance.now());
}

function pause(millis) {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
