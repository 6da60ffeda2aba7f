import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterEach } from "vitest";
import { accept, CapnpError, type Connection, type ConnectionOptions, init, serve } from "../src/node.js";
import { type PairSocket, socketPair } from "./sockets.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

await init();

/** Two connected vats' ends in this process, `near` being the client's. */
export interface Pair {
  near: Connection;
  far: Connection;
  nearSocket: PairSocket;
  farSocket: PairSocket;
}

const open: Connection[] = [];

afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

export function connectPair(bootstrap: object, options: ConnectionOptions = {}): Pair {
  const [nearSocket, farSocket] = socketPair();
  const far = accept(farSocket, { bootstrap });
  const near = accept(nearSocket, options);
  open.push(near, far);
  return { near, far, nearSocket, farSocket };
}

/** A sink that counts and keeps what it gets, and can be made to wait or fail. */
export class TestSink implements ByteSink.Server {
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  running = 0;
  mostRunning = 0;
  ended = false;
  /** Awaited by every write. */
  gate: Promise<void> | undefined;
  /** Thrown by the write with this number, counted from 0. */
  failAt = -1;

  async write({ chunk }: { chunk: Uint8Array }): Promise<void> {
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    const index = this.chunks.push(chunk) - 1;
    await this.gate;
    this.running--;
    if (index === this.failAt) throw new CapnpError("failed", "the disk is full");
    this.bytes += chunk.length;
  }

  async end(): Promise<{ total: bigint }> {
    this.ended = true;
    return { total: BigInt(this.bytes) };
  }
}

/** The object that most tests talk to. */
export class TestServer implements Tester.Server {
  readonly sinks = new Map<string, TestSink>();
  readonly canceled: string[] = [];
  calls = 0;

  echo({ text }: { text: string }): { text: string } {
    this.calls++;
    return { text };
  }

  fail({ kind, reason }: { kind: number; reason: string }): never {
    if (kind === 99) throw new Error(reason);
    throw new CapnpError((["failed", "overloaded", "disconnected", "unimplemented"] as const)[kind] ?? "failed", reason);
  }

  open({ name }: { name: string }): Tester.open$Results.Input {
    const sink = (part: string): ByteSink => {
      const made = new TestSink();
      this.sinks.set(`${name}${part}`, made);
      return serve(ByteSink, made);
    };
    return { sink: sink(""), spare: sink(".spare"), inner: { sink: sink(".inner"), name } };
  }

  async use({ sink, times }: { sink: ByteSink | undefined; times: number }): Promise<{ total: bigint }> {
    if (sink === undefined) throw new CapnpError("failed", "use: sink is missing");
    for (let i = 0; i < times; i++) await sink.write({ chunk: new Uint8Array([i]) });
    return await sink.end();
  }

  never(_params: object, { signal }: { signal: AbortSignal }): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        this.canceled.push("never");
        reject(signal.reason);
      });
    });
  }

  then_(): { constructor_: ByteSink; release: number } {
    return { constructor_: serve(ByteSink, new TestSink()), release: 7 };
  }

  same({ sink }: { sink: ByteSink | undefined }): { sink: ByteSink | undefined } {
    return { sink };
  }
}

/** What a bundler makes of a module next to this one. */
export async function bundled(source: string): Promise<string> {
  const entry = "\0entry";
  const result = await build({
    root: fileURLToPath(new URL(".", import.meta.url)),
    configFile: false,
    logLevel: "error",
    resolve: { alias: { "capstan/codegen/v1": fileURLToPath(new URL("../src/codegen/v1.ts", import.meta.url)) } },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id.endsWith("entry") ? entry : id.startsWith("./generated") ? fileURLToPath(new URL(id.replace(/js$/, "ts"), import.meta.url)) : null),
        load: (id) => (id === entry ? source : null),
      },
    ],
    build: { write: false, minify: false, lib: { entry: "entry", formats: ["es"] } },
  });
  const [output] = Array.isArray(result) ? result : [];
  const [chunk] = output?.output ?? [];
  if (chunk?.type !== "chunk") throw new Error("nothing was bundled");
  return chunk.code;
}
