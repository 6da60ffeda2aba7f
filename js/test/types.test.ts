import { describe, expectTypeOf, test } from "vitest";
import {
  accept,
  type CallPromise,
  type CapnpError,
  clone,
  CapabilityServerSet,
  connect,
  type Connection,
  type ConnectionStats,
  connectPort,
  connectTransport,
  fromWritable,
  give,
  type IterableStream,
  readable,
  release,
  serve,
  source,
  type StreamStats,
  streamStats,
  type Transport,
  writable,
} from "../src/index.js";
import { ByteSink, LineSink, Tester, type Twofold } from "./generated/testing.capnp.js";

/* What the type checker has to say; `tsc` fails when one of these is wrong. Nothing here runs. */

declare const connection: Connection;
declare const tester: Tester;
declare const sink: ByteSink;
declare const lines: LineSink;
declare const twofold: Twofold;

function never(_body: () => unknown): void {}

describe("types", () => {
  test("of connections", () => {
    never(() => {
      expectTypeOf(connect("ws://h/")).toEqualTypeOf<Promise<Connection>>();
      expectTypeOf(connection.bootstrap(Tester)).toEqualTypeOf<Tester>();
      expectTypeOf(connection.closed).toEqualTypeOf<Promise<CapnpError>>();
      expectTypeOf(connection.stats()).toEqualTypeOf<ConnectionStats>();
      void connect("ws://h/", { flowControl: { fixed: 1 }, timeout: 5, signal: AbortSignal.timeout(1), maxMessageBytes: 9 });
      // @ts-expect-error: a window is given in bytes
      void connect("ws://h/", { flowControl: "large" });
      accept(new WebSocket("ws://h/"), { bootstrap: sink });
    });
  });

  test("of calls", () => {
    never(async () => {
      expectTypeOf(await tester.echo({ text: "x" })).toEqualTypeOf<Tester.echo$Results>();
      expectTypeOf((await tester.echo()).text).toEqualTypeOf<string>();
      expectTypeOf((await tester.use({ sink, times: 1 })).total).toEqualTypeOf<bigint>();
      expectTypeOf((await tester.open()).sink).toEqualTypeOf<ByteSink | undefined>();
      expectTypeOf(tester.open().sink).toEqualTypeOf<ByteSink>();
      expectTypeOf(tester.open().inner.sink).toEqualTypeOf<ByteSink>();
      expectTypeOf(tester.echo()).toExtend<CallPromise<{ text: string }>>();
      expectTypeOf(sink.write({ chunk: new Uint8Array(1) })).toEqualTypeOf<Promise<void>>();
      void tester.echo({}, { signal: AbortSignal.timeout(1), timeout: 5 });
      // @ts-expect-error: text is no number
      void tester.echo({ text: 5 });
      // @ts-expect-error: there is no such parameter
      void tester.echo({ test: "x" });
      // @ts-expect-error: another interface's client
      void tester.use({ sink: lines });
      // @ts-expect-error: a promise of a client is not a client
      void tester.use({ sink: tester.open() });
    });
  });

  test("of functions over clients", () => {
    never(() => {
      expectTypeOf(clone(sink)).toEqualTypeOf<ByteSink>();
      expectTypeOf(sink).toExtend<Disposable>();
      expectTypeOf(connection).toExtend<Disposable & AsyncDisposable>();
      expectTypeOf(release(sink)).toEqualTypeOf<void>();
      expectTypeOf(streamStats(sink)).toEqualTypeOf<StreamStats | undefined>();
    });
  });

  test("of served objects", () => {
    never(() => {
      expectTypeOf(serve(ByteSink, { write: () => {}, end: async () => ({ total: 5 }) })).toEqualTypeOf<ByteSink>();
      // @ts-expect-error: the parameters have a chunk
      serve(ByteSink, { write: ({ chunks }) => void chunks });
      // @ts-expect-error: the total is a number
      serve(ByteSink, { end: () => ({ total: "5" }) });
    });
  });

  test("of writable streams", () => {
    never(async () => {
      expectTypeOf(writable(sink)).toExtend<WritableStream<Uint8Array>>();
      expectTypeOf(await writable(sink).result).toEqualTypeOf<ByteSink.end$Results>();
      expectTypeOf(await writable(lines).result).toEqualTypeOf<LineSink.done$Results>();
      expectTypeOf(writable(lines)).toExtend<WritableStream<LineSink.Line.Input>>();
      void new Blob([]).stream().pipeTo(writable(sink));
      void writable(twofold, { write: "left", end: "finish" });
    });
  });

  test("of streams that come in", () => {
    never(async () => {
      const { client, stream } = source(ByteSink, { result: { total: 5 } });
      expectTypeOf(client).toEqualTypeOf<ByteSink>();
      expectTypeOf(stream).toEqualTypeOf<IterableStream<Uint8Array>>();
      // What arrives has all its fields, where what is written may leave some out.
      expectTypeOf(source(LineSink).stream).toEqualTypeOf<IterableStream<LineSink.Line>>();
      expectTypeOf(fromWritable(LineSink, new WritableStream<LineSink.Line>())).toEqualTypeOf<LineSink>();
      // @ts-expect-error: the total is a number
      source(ByteSink, { result: { total: "5" } });
      expectTypeOf(readable(ByteSink, (sink, options) => tester.use({ sink }, options))).toEqualTypeOf<IterableStream<Uint8Array>>();
      expectTypeOf(fromWritable(ByteSink, new WritableStream<Uint8Array>())).toEqualTypeOf<ByteSink>();
      // @ts-expect-error: chunks are bytes
      fromWritable(ByteSink, new WritableStream<string>());
      expectTypeOf(give(client)).toEqualTypeOf<ByteSink>();
    });
  });

  test("of server sets", () => {
    never(async () => {
      class Own {
        write(): void {}
        end(): { total: number } {
          return { total: 1 };
        }
        secret = 5;
      }
      const any = new CapabilityServerSet(ByteSink);
      expectTypeOf(any.add(new Own())).toEqualTypeOf<ByteSink>();
      expectTypeOf(await any.getLocalServer(sink)).toEqualTypeOf<ByteSink.Server | undefined>();
      const own = new CapabilityServerSet<ByteSink, ByteSink.Server, Own>(ByteSink);
      expectTypeOf((await own.getLocalServer(sink))?.secret).toEqualTypeOf<number | undefined>();
      // @ts-expect-error: another interface's client
      void own.getLocalServer(lines);
    });
  });

  test("of other transports", () => {
    never(() => {
      expectTypeOf(connectPort(new MessageChannel().port1, { bootstrap: sink })).toEqualTypeOf<Promise<Connection>>();
      void connectPort(new Worker("worker.js"));
      const transport: Transport = { start() {}, send(message) { message.fill(0); }, close() {} };
      void connectTransport(transport, { name: "the cellar", maxMessageBytes: 5 });
    });
  });
});
