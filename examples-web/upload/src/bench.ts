import { connect, writable } from "capstan";
import { reportFailures, speed } from "./auto.js";
import { Files } from "./files.capnp.js";
import { errorText } from "../../shared/format.js";
import { Reporter } from "./report.js";

export interface BenchOptions {
  /** Per round. */
  readonly bytes?: number | undefined;
  /** Of each frame, and of each chunk written to the sink. */
  readonly chunkBytes?: number | undefined;
  /** Of each contender; they take turns. */
  readonly rounds?: number | undefined;
  /** Of another contender, over a connection with a window of this size. */
  readonly windowBytes?: number | undefined;
}

interface Series {
  /** The median. */
  mbps: number;
  all: number[];
}

/** Sends everything and returns when the server has said that it got everything. */
type Contender = () => Promise<void>;

/**
 * Sends the same bytes in the same pieces as bare binary WebSocket frames and through Capstan, to the
 * same server, each over one connection that stays open, taking turns.
 *
 * From a file, which is what the demo does, `file.stream().pipeTo(writable(sink))`, and from memory. The
 * server takes the hash of all.
 */
export async function runBench(options: BenchOptions): Promise<void> {
  const bytes = options.bytes ?? 64 << 20;
  const chunkBytes = options.chunkBytes ?? 64 << 10;
  const rounds = options.rounds ?? 5;
  const reporter = new Reporter();
  reportFailures(reporter);
  try {
    const data = noise(bytes);
    const file = new File([data], "bench");
    const bare = await BareSocket.open();
    await using connection = await connect(address("/rpc"));
    const files = connection.bootstrap(Files);
    await using other = await connect(address("/rpc"), { flowControl: { fixed: options.windowBytes ?? 1 } });
    const otherFiles = other.bootstrap(Files);
    const contenders: Record<string, Contender> = {
      bare: () => bare.sendAll(piecesOf(data, chunkBytes)),
      bareFile: () => bare.sendAll(cut(file.stream(), chunkBytes)),
      capstanMemory: async () => {
        const { sink } = files.create({ name: "bench", size: bytes });
        for (const chunk of piecesOf(data, chunkBytes)) await sink.write({ chunk });
        await sink.end();
      },
      capstan: async () => {
        const { sink } = files.create({ name: file.name, size: file.size });
        await file.stream().pipeTo(writable(sink));
      },
    };
    if (options.windowBytes !== undefined) {
      contenders["fixed"] = async () => {
        const { sink } = otherFiles.create({ name: file.name, size: file.size });
        await file.stream().pipeTo(writable(sink));
      };
    }
    const series = await takeTurns(contenders, bytes, rounds, reporter);
    await reporter.finish({ done: true, bench: { chunk: chunkBytes, bytes, rounds, ...series } });
    bare.close();
  } catch (error) {
    await reporter.finish({ error: errorText(error) });
  }
}

async function takeTurns(
  contenders: Record<string, Contender>,
  bytes: number,
  rounds: number,
  reporter: Reporter,
): Promise<Record<string, Series>> {
  const series: Record<string, Series> = {};
  const order = Object.entries(contenders);
  // Round 0 warms up both sides and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    // Whoever runs next to a disturbance is next to the other one in the other rounds.
    for (const [name, run] of round % 2 === 0 ? order : order.toReversed()) {
      const started = performance.now();
      await run();
      const mbps = speed(bytes, (performance.now() - started) / 1000);
      if (round === 0) continue;
      const one = (series[name] ??= { mbps: 0, all: [] });
      one.all.push(mbps);
      one.mbps = median(one.all);
      reporter.progress({ round, of: rounds, name, mbps });
    }
  }
  return series;
}

/** How much may wait in the browser's socket before the page waits, and how much before it goes on. */
const BUFFER_FULL_BYTES = 8 << 20;
const BUFFER_LOW_BYTES = 4 << 20;

/** A WebSocket to `/bare`, which counts bytes and tells how many there were. */
class BareSocket {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static open(): Promise<BareSocket> {
    const socket = new WebSocket(address("/bare"));
    socket.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new BareSocket(socket));
      socket.onerror = () => reject(new Error(`no WebSocket at ${socket.url}`));
    });
  }

  /** Returns when the server has counted the last byte: nothing is left in a buffer. */
  async sendAll(chunks: Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
    let bytes = 0;
    for await (const chunk of chunks) {
      this.#socket.send(chunk);
      bytes += chunk.length;
      if (this.#socket.bufferedAmount > BUFFER_FULL_BYTES) {
        while (this.#socket.bufferedAmount > BUFFER_LOW_BYTES) await nextTask();
      }
    }
    const counted = new Promise<string>((resolve, reject) => {
      this.#socket.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
      this.#socket.onclose = () => reject(new Error("the server closed /bare"));
    });
    this.#socket.send("end");
    const answer = JSON.parse(await counted) as { bytes: number };
    if (answer.bytes !== bytes) throw new Error(`/bare counted ${answer.bytes} bytes of ${bytes}`);
  }

  close(): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }
}

/** `bufferedAmount` has no event, and a timer of zero is one of four milliseconds after a few times. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Bytes that nothing on the way can compress. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  // The browser gives at most this many at a time.
  const most = 65536;
  for (let start = 0; start < bytes; start += most) crypto.getRandomValues(data.subarray(start, start + most));
  return data;
}

function* piecesOf(data: Uint8Array<ArrayBuffer>, pieceBytes: number): Generator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < data.length; start += pieceBytes) yield data.subarray(start, start + pieceBytes);
}

/** What the browser reads of a file at a time is longer. */
async function* cut(stream: ReadableStream<Uint8Array<ArrayBuffer>>, pieceBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of stream) yield* piecesOf(chunk, pieceBytes);
}

function address(path: string): string {
  return new URL(path, location.href.replace(/^http/, "ws")).href;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
