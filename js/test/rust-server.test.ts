import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { CapnpError, connect, type Connection, type ConnectOptions, serve, streamStats, writable } from "../src/node.js";
import { ByteSink, Files } from "./generated/files.capnp.js";
import { TestSink } from "./support.js";
import { Tester } from "./generated/testing.capnp.js";
import { UploadServer } from "./upload-server.js";

/* Against a Rust server in another process, over real sockets. */

const servers: UploadServer[] = [];
const connections: Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close();
  for (const server of servers.splice(0)) await server.kill();
});

async function start(...options: string[]): Promise<UploadServer> {
  // It wants a page to serve; these tests only speak RPC to it.
  const server = await UploadServer.start(join(import.meta.dirname, "../../examples-web/upload"), ...options);
  servers.push(server);
  return server;
}

async function connected(server: UploadServer, options?: ConnectOptions): Promise<{ files: Files; connection: Connection }> {
  const connection = await connect(server.rpcUrl, options);
  connections.push(connection);
  return { files: connection.bootstrap(Files), connection };
}

describe("a stream into a Rust object", () => {
  test("arrives whole, by pipeTo", async () => {
    const server = await start();
    const { files } = await connected(server);
    const bytes = randomBytes(5_000_001);
    const { sink } = files.create({ name: "a.bin", size: bytes.length });
    const stream = writable(sink);
    await new Blob([bytes]).stream().pipeTo(stream);
    await expect(stream.result).resolves.toEqual({ total: 5_000_001n });
    expect(await server.outcome("a.bin")).toMatchObject({
      event: "upload_done",
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    const { entries } = await files.list();
    expect(entries).toEqual([{ name: "a.bin", size: 5_000_001n }]);
  });

  test("arrives whole, by hand, from many streams at once", async () => {
    const server = await start();
    const { files } = await connected(server);
    await Promise.all(
      [1, 2, 3, 4].map(async (n) => {
        const { sink } = files.create({ name: `${n}`, size: 50 * 1000 * n });
        const hash = createHash("sha256");
        for (let i = 0; i < 50; i++) {
          const chunk = randomBytes(1000 * n);
          hash.update(chunk);
          await sink.write({ chunk });
        }
        await expect(sink.end()).resolves.toEqual({ total: BigInt(50 * 1000 * n) });
        expect(await server.outcome(`${n}`)).toMatchObject({ sha256: hash.digest("hex") });
      }),
    );
  });

  test("never has more in flight than the window and a call or two, however slow the server", async () => {
    const server = await start("--delay-micros", "500");
    const { files } = await connected(server, { flowControl: { fixed: 100_000 } });
    const { sink } = files.create({ name: "slow", size: 200 * 10_000 });
    let most = 0;
    for (let i = 0; i < 200; i++) {
      await sink.write({ chunk: new Uint8Array(10_000) });
      const stats = streamStats(sink);
      most = Math.max(most, stats?.inFlight ?? 0);
    }
    expect(most).toBeGreaterThan(50_000);
    expect(most).toBeLessThanOrEqual(100_000 + 2 * 10_200);
    await sink.end();
    expect(streamStats(sink)?.inFlight).toBe(0);
  });

  test("comes back: the server writes into an object of ours", async () => {
    const server = await start();
    const { files } = await connected(server);
    const bytes = randomBytes(1_000_000);
    const created = files.create({ name: "back", size: bytes.length });
    await new Blob([bytes]).stream().pipeTo(writable(created.sink));
    const { handle } = await created;
    const mine = new TestSink();
    await files.read({ handle, into: serve(ByteSink, mine) });
    expect(mine.ended).toBe(true);
    expect(mine.mostRunning).toBe(1);
    expect(Buffer.concat(mine.chunks).equals(bytes)).toBe(true);
  });
});

describe("bad days", () => {
  test("a server that dies in mid-stream rejects the stream, with the cause", async () => {
    const server = await start("--delay-micros", "1000");
    const { files, connection } = await connected(server);
    const { sink } = files.create({ name: "cut", size: 1 << 30 });
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    const stream = writable(sink);
    const piped = endless.pipeTo(stream).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await files.list();
    await server.kill();
    const error = await piped;
    expect(error).toBeInstanceOf(CapnpError);
    expect((error as CapnpError).kind).toBe("disconnected");
    expect((error as CapnpError).reason).toContain(server.rpcUrl);
    await expect(stream.result).rejects.toBe(error);
    expect((await connection.closed).reason).toContain("connect again");
    await expect(files.list()).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("a stream that is aborted is reported as partial, and the server lives on", async () => {
    const server = await start();
    const { files } = await connected(server);
    const { sink } = files.create({ name: "partial", size: 1000 });
    const writer = writable(sink).getWriter();
    await writer.write(new Uint8Array(300));
    await writer.abort();
    expect(await server.outcome("partial")).toMatchObject({ event: "upload_partial", bytes: 300, size: 1000 });
    await expect(files.list()).resolves.toEqual({ entries: [] });
  });

  test("a client that goes away leaves a partial upload, and the server lives on", async () => {
    const server = await start();
    const { files, connection } = await connected(server);
    const { sink } = files.create({ name: "gone", size: 1000 });
    await sink.write({ chunk: new Uint8Array(10) });
    await files.list();
    await connection.close();
    expect(await server.outcome("gone")).toMatchObject({ event: "upload_partial", bytes: 10 });
    await expect((await connected(server)).files.list()).resolves.toEqual({ entries: [] });
  });

  test("a method that fails says why, and a stream that fails says so at its end", async () => {
    const server = await start();
    const { files } = await connected(server);
    await expect(files.create({ name: "n".repeat(2000) })).rejects.toThrow(/the file's name has 2000 bytes/);
    const { sink } = files.create({ name: "short", size: 5 });
    await sink.write({ chunk: new Uint8Array(10) });
    await expect(sink.end()).rejects.toThrow(/more bytes than the 5/);
    await expect(sink.write({ chunk: new Uint8Array(1) })).rejects.toThrow(/more bytes than the 5/);
    await expect(files.read({})).rejects.toBeInstanceOf(CapnpError);
    await expect(files.list()).resolves.toEqual({ entries: [] });
  });

  test("an interface or a method that the server lacks is unimplemented", async () => {
    const server = await start();
    const { connection, files } = await connected(server);
    const error = await connection
      .bootstrap(Tester)
      .echo()
      .then(
        () => undefined,
        (reason: unknown) => reason as CapnpError,
      );
    expect(error).toMatchObject({ kind: "unimplemented" });
    await expect(files.list()).resolves.toEqual({ entries: [] });
  });

  test("a wrong path names the address and what to do", async () => {
    const server = await start();
    const url = server.rpcUrl.replace("/rpc", "/elsewhere");
    await expect(connect(url)).rejects.toMatchObject({
      kind: "disconnected",
      reason: expect.stringMatching(/elsewhere.*no RPC at this path/) as string,
    });
  });

  test.each([
    ["a text frame", "hello", 1003],
    ["a frame that is no message", Buffer.from("no message at all, or is it?"), 1007],
    ["a partial word", Buffer.from([0, 0, 0, 0, 1, 0, 0]), 1007],
  ] as const)("the server closes on %s with a code, and lives on", async (_name, frame, code) => {
    const server = await start();
    const raw = new WebSocket(server.rpcUrl);
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      raw.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    raw.on("open", () => raw.send(frame));
    const close = await closed;
    expect(close.code).toBe(code);
    expect(close.reason).not.toBe("");
    await expect((await connected(server)).files.list()).resolves.toEqual({ entries: [] });
  });
});
