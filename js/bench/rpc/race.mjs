// The same calls by different means, taking turns. Runs in Node and in pages.
import { newWebSocketRpcSession } from "capnweb";
import { accept, connect, init } from "capstan";
import { Calls } from "ours/calls.capnp.js";

const IN_FLIGHT = 256;
const ALONE = 300;
const MANY = 6_000;

/** Microseconds per call when each waits for the one before, and calls per second with 256 in flight: medians of `rounds`. */
export async function run({ rpc, echo, capnweb, rounds, wasm, WebSocket = globalThis.WebSocket }) {
  await init(wasm);
  const callBytes = await bytesOfCall(`ws://127.0.0.1:${rpc}/`, WebSocket);
  const peers = [
    ["capstan", await capstan(rpc, {})],
    ["capstan, batch: false", await capstan(rpc, { batch: false })],
    ["bare echo", await bareEcho(`ws://127.0.0.1:${echo}/`, WebSocket, callBytes)],
    ["capnweb", await theirs(`ws://127.0.0.1:${capnweb}/`, WebSocket)],
  ];
  const found = new Map(peers.map(([name]) => [name, { alone: [], rate: [] }]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    // What one leaves behind, such as garbage, must not always be the same one's burden.
    for (const [name, { call }] of round % 2 === 0 ? peers : peers.toReversed()) {
      const alone = (await elapsed(() => inFlight(call, ALONE, 1))) / ALONE;
      const many = await elapsed(() => inFlight(call, MANY, IN_FLIGHT));
      if (round === 0) continue;
      found.get(name).alone.push(alone * 1000);
      found.get(name).rate.push((MANY / many) * 1000);
    }
  }
  for (const [, { close }] of peers) close();
  const rows = [...found].map(([name, { alone, rate }]) => ({ name, alone: median(alone), rate: median(rate) }));
  return { callBytes, rows };
}

async function capstan(port, options) {
  const connection = await connect(`ws://127.0.0.1:${port}/`, options);
  const calls = connection.bootstrap(Calls);
  return {
    call: async (left) => check((await calls.add({ left, right: 1 })).sum, left + 1),
    close: () => void connection.close(),
  };
}

/** How long a call's message is, as one sees who sends it. */
async function bytesOfCall(url, WebSocket) {
  const socket = new WebSocket(url);
  let bytes = 0;
  await new Promise((resolve) => (socket.onopen = resolve));
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    bytes = Math.max(bytes, data.length);
    send(data);
  };
  const connection = accept(socket);
  await connection.bootstrap(Calls).add({ left: 1, right: 1 });
  const found = bytes;
  void connection.close();
  return found;
}

/** Frames that come back as they are, in order. */
async function bareEcho(url, WebSocket, bytes) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const frame = new Uint8Array(bytes);
  const waiting = [];
  let answered = 0;
  socket.onmessage = ({ data }) => {
    check(data.byteLength, bytes);
    waiting[answered++]();
    if (answered === waiting.length) answered = waiting.length = 0;
  };
  return {
    call: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        socket.send(frame);
      }),
    close: () => socket.close(),
  };
}

async function theirs(url, WebSocket) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const stub = newWebSocketRpcSession(socket);
  return {
    call: async (left) => check((await stub.add({ left, right: 1 })).sum, left + 1),
    close: () => {
      stub[Symbol.dispose]();
      socket.close();
    },
  };
}

async function inFlight(call, count, width) {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function elapsed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function check(found, expected) {
  if (found !== expected) throw new Error(`got ${found} in place of ${expected}`);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
