// The same bytes as bare frames and as streamed calls, taking turns, to servers in one process that count them. Runs in Node and in pages.
import { connect, init, writable } from "capstan";
import { Streams } from "ours/streams.capnp.js";

const CHUNK_BYTES = 64 * 1024;
/** What a call has besides. */
const CALL_BYTES = 120;
/** As `writable` has it. */
const QUEUE_BYTES = 512 * 1024;
/** How much may wait in the socket under bare frames before their sender waits, and how much before it goes on. */
const FULL_BYTES = 4 << 20;
const LOW_BYTES = 2 << 20;
/** For memory to go back to where it came from, on other threads. */
const SETTLING_MS = 20;
/** Small calls are made so often, beside a stream; and so many with nothing beside them, in each round. */
const CALLS_APART_MS = 2;
const CALLS_ALONE = 50;

/**
 * Each contender's MB/s in each round, and the milliseconds that small calls took. With `processorMicros`, which says what this process has
 * taken so far, also microseconds of that per MiB. With `unmasked`, options of sockets that do not mask, also bare frames over such a one.
 */
export async function run({ rpc, bare, rounds, bytes, only, wasm, WebSocket = globalThis.WebSocket, unmasked, processorMicros = () => Number.NaN }) {
  await init(wasm);
  const data = noise(bytes);
  const blob = new Blob([data]);
  const socket = await BareSocket.open(`ws://127.0.0.1:${bare}/`, WebSocket);
  const plain = unmasked && (await BareSocket.open(`ws://127.0.0.1:${bare}/`, WebSocket, unmasked));
  const connection = await connect(`ws://127.0.0.1:${rpc}/`);
  const streams = connection.bootstrap(Streams);
  const beside = [];
  const alone = [];
  const callNow = async (times) => {
    const start = performance.now();
    await streams.nothing();
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, CALLS_APART_MS));
  };
  const all = {
    "bare frames": () => socket.send(piecesOf(data)),
    ...(plain && { "bare frames, not masked": () => plain.send(piecesOf(data)) }),
    "bare frames as long as calls": () => socket.send(piecesOf(data, CHUNK_BYTES + CALL_BYTES)),
    "WritableStream of bare frames": async () => {
      await writeAll(socket.stream(), piecesOf(data));
      return socket.total();
    },
    "sink.write()": async () => {
      const { sink } = streams.open();
      for (const chunk of piecesOf(data)) await sink.write({ chunk });
      return (await sink.end()).total;
    },
    "writable(sink).write()": async () => {
      const { sink } = streams.open();
      const stream = writable(sink);
      await writeAll(stream, piecesOf(data));
      return (await stream.result).total;
    },
    "bare frames of a Blob": () => socket.send(cut(blob.stream())),
    ...(plain && { "bare frames of a Blob, not masked": () => plain.send(cut(blob.stream())) }),
    "blob.stream().pipeTo() of bare frames": async () => {
      await blob.stream().pipeTo(socket.stream());
      return socket.total();
    },
    "blob.stream().pipeTo(writable(sink))": async () => {
      const { sink } = streams.open();
      const stream = writable(sink);
      await blob.stream().pipeTo(stream);
      return (await stream.result).total;
    },
    "sink.write(), calls beside it": async () => {
      const { sink } = streams.open();
      let over = false;
      const calls = (async () => {
        while (!over) await callNow(beside);
      })();
      for (const chunk of piecesOf(data)) await sink.write({ chunk });
      const { total } = await sink.end();
      over = true;
      await calls;
      return total;
    },
  };
  const contenders = Object.entries(all).filter(([name]) => only === undefined || name.includes(only));
  const found = new Map(contenders.map(([name]) => [name, { rates: [], costs: [] }]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) beside.length = alone.length = 0;
    for (let call = 0; call < CALLS_ALONE; call++) await callNow(alone);
    for (const [name, send] of round % 2 === 0 ? contenders : contenders.toReversed()) {
      // What one leaves behind must not be the next one's burden: the chunks of a Blob are garbage that takes the processor for as long as a contender runs.
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
      const start = performance.now();
      const micros = processorMicros();
      const total = Number(await send());
      const rate = bytes / 1000 / (performance.now() - start);
      const cost = (processorMicros() - micros) / (bytes >> 20);
      if (total !== bytes) throw new Error(`${name}: ${total} bytes of ${bytes} came`);
      if (round === 0) continue;
      found.get(name).rates.push(rate);
      found.get(name).costs.push(cost);
    }
  }
  socket.close();
  plain?.close();
  void connection.close();
  return {
    rows: [...found].map(([name, figures]) => ({ name, ...figures })),
    calls: { "beside a stream": quantiles(beside), "with nothing beside it": quantiles(alone) },
  };
}

function quantiles(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)] };
}

/** To a server that counts bytes, and answers a text with how many there were. */
class BareSocket {
  #socket;

  constructor(socket) {
    this.#socket = socket;
  }

  static open(url, WebSocket, ...more) {
    const socket = new WebSocket(url, ...more);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new BareSocket(socket));
      socket.onerror = reject;
    });
  }

  async send(chunks) {
    const socket = this.#socket;
    for await (const chunk of chunks) {
      socket.send(chunk);
      if (socket.bufferedAmount > FULL_BYTES) await this.#emptied();
    }
    return this.total();
  }

  /** What a page would make of the socket without Capstan. */
  stream() {
    const socket = this.#socket;
    const write = async (chunk) => {
      for (const piece of piecesOf(chunk)) {
        socket.send(piece);
        if (socket.bufferedAmount > FULL_BYTES) await this.#emptied();
      }
    };
    return new WritableStream({ write }, { highWaterMark: QUEUE_BYTES, size: (chunk) => chunk.byteLength });
  }

  /** How many bytes have come there. */
  total() {
    const counted = new Promise((resolve) => (this.#socket.onmessage = ({ data }) => resolve(data)));
    this.#socket.send("end");
    return counted;
  }

  async #emptied() {
    while (this.#socket.bufferedAmount > LOW_BYTES) await nextTask();
  }

  close() {
    this.#socket.close();
  }
}

/** `bufferedAmount` has no event, and timers are slow. */
const nextTask =
  globalThis.setImmediate === undefined
    ? () =>
        new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => (port1.close(), resolve());
          port2.postMessage(undefined);
        })
    : () => new Promise((resolve) => globalThis.setImmediate(resolve));

async function writeAll(stream, chunks) {
  const writer = stream.getWriter();
  for (const chunk of chunks) {
    await writer.ready;
    void writer.write(chunk).catch(() => {});
  }
  await writer.close();
}

function* piecesOf(data, length = CHUNK_BYTES) {
  for (let start = 0; start < data.length; start += length) yield data.subarray(start, start + length);
}

/** What the browser reads at a time is longer. */
async function* cut(stream) {
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield* piecesOf(read.value);
}

/** Bytes that nothing on the way can compress. */
function noise(bytes) {
  const data = new Uint8Array(bytes);
  // Not more is given at a time.
  for (let start = 0; start < bytes; start += 65536) crypto.getRandomValues(data.subarray(start, start + 65536));
  return data;
}
