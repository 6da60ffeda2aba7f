import { CapnpError, serve } from "../src/node.js";
import { ByteSink, type Tester } from "./generated/testing.capnp.js";

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
