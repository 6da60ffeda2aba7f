import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as tcpConnect, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { accept, CapnpError, connect, type ConnectOptions, serve } from "../src/node.js";
import { turn } from "./sockets.js";
import { TestServer } from "./support.js";
import { Tester } from "./generated/testing.capnp.js";

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A WebSocket server at /rpc of a free port. */
async function listen(onSocket: (socket: WebSocket) => void): Promise<string> {
  const server: Server = createServer((_request, response) => response.writeHead(404).end("nothing here"));
  const sockets = new WebSocketServer({ server, path: "/rpc" });
  sockets.on("connection", onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failure(promise: Promise<unknown>): Promise<CapnpError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CapnpError);
  return error as CapnpError;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("connect", () => {
  test("speaks over a real WebSocket, both ways, and closes", async () => {
    const host = await listen((socket) => void accept(socket, { bootstrap: serve(Tester, new TestServer()) }));
    const connection = await connect(`ws://${host}/rpc`);
    const tester = connection.bootstrap(Tester);
    await expect(tester.echo({ text: "hello" })).resolves.toEqual({ text: "hello" });
    const { sink } = tester.open({ name: "a" });
    for (let i = 0; i < 50; i++) await sink.write({ chunk: new Uint8Array(20_000).fill(i) });
    await expect(sink.end()).resolves.toEqual({ total: 1_000_000n });
    await connection.close();
    await expect(tester.echo()).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("takes http addresses and URL objects for WebSocket ones", async () => {
    const host = await listen((socket) => void accept(socket, { bootstrap: serve(Tester, new TestServer()) }));
    const connection = await connect(new URL(`http://${host}/rpc#there`), { timeout: Infinity });
    await expect(connection.bootstrap(Tester).echo({ text: "x" })).resolves.toEqual({ text: "x" });
    await connection.close();
  });

  test("to an address where nothing listens names it and says what to check", async () => {
    const url = `ws://127.0.0.1:${await freePort()}/rpc`;
    const error = await failure(connect(url));
    expect(error.kind).toBe("disconnected");
    expect(error.reason).toContain(url);
    expect(error.reason).toMatch(/ECONNREFUSED.*is the server running/);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("to a wrong path says that the path is wrong", async () => {
    const host = await listen(() => {});
    const url = `ws://${host}/elsewhere`;
    const error = await failure(connect(url));
    expect(error.reason).toContain(url);
    expect(error.reason).toMatch(/400|404/);
  });

  test("to a server that is no WebSocket server says so", async () => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUps.push(() => server.close());
    const error = await failure(connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`));
    expect(error.reason).toMatch(/404.*no RPC at this path/);
  });

  test("to something that never answers gives up after the timeout", async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUps.push(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`;
    const error = await failure(connect(url, { timeout: 50 }));
    expect(error.reason).toContain(url);
    const controller = new AbortController();
    const connecting = connect(url, { signal: controller.signal });
    setTimeout(() => controller.abort("changed my mind"), 5);
    await expect(connecting).rejects.toBe("changed my mind");
    await expect(connect(url, { signal: AbortSignal.abort("never") })).rejects.toBe("never");
  });

  test.each([
    [{ timeout: "soon" }, 'timeout: expected a number of milliseconds, got the string "soon"'],
    [{ signal: 3 }, "signal: expected an AbortSignal, got 3"],
  ])("refuses the options %o", async (options, message) => {
    await expect(connect("ws://127.0.0.1:9/", options as unknown as ConnectOptions)).rejects.toThrow(new TypeError(message));
  });

  test.each(["not an address", "ftp://example.com/", ""])("refuses %j", async (url) => {
    const error = await failure(connect(url));
    expect(error.reason).toMatch(/wss?:/);
  });

  test.each([{ flowControl: { fixed: 0 } }, { flowControl: { fixed: 1.5 } }, { maxMessageBytes: -1 }])(
    "refuses the options %j",
    async (options) => {
      await expect(connect("ws://127.0.0.1:1/", options)).rejects.toBeInstanceOf(RangeError);
    },
  );
});

describe("a peer that misbehaves", () => {
  /** A connection to a server that answers the first message with `answer`, and a call on it. */
  async function provoke(answer: (socket: WebSocket) => void, options = {}): Promise<{ reason: CapnpError; error: CapnpError; code: number; text: string }> {
    let onClose!: (close: { code: number; text: string }) => void;
    const closed = new Promise<{ code: number; text: string }>((resolve) => {
      onClose = resolve;
    });
    const host = await listen((socket) => {
      socket.once("message", () => answer(socket));
      socket.on("close", (code, text) => onClose({ code, text: text.toString() }));
    });
    const connection = await connect(`ws://${host}/rpc`, options);
    const call = connection.bootstrap(Tester).echo({ text: "x" });
    const { sink } = connection.bootstrap(Tester).open();
    const write = sink.write({ chunk: new Uint8Array(100) });
    const error = await failure(call);
    await failure(sink.end());
    await write.catch(() => {});
    const reason = await connection.closed;
    return { reason, error, ...(await closed) };
  }

  test("with a text frame ends the connection, code 1003", async () => {
    const { reason, error, code } = await provoke((socket) => socket.send("hello"));
    expect(reason.reason).toMatch(/text frame.*binary frames only/);
    expect(error.reason).toContain("text frame");
    expect(code).toBe(1003);
  });

  test.each([
    ["garbage", Buffer.from("this is no message at all")],
    ["a partial word", Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0])],
    ["an empty frame", Buffer.alloc(0)],
    ["a segment table that promises more", Buffer.from([0, 0, 0, 0, 255, 255, 255, 0])],
    ["trailing bytes", Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])],
  ])("with %s ends the connection, code 1007", async (_name, frame) => {
    const { reason, code } = await provoke((socket) => socket.send(frame));
    expect(reason.reason).not.toBe("");
    expect(code).toBe(1007);
    expect(reason.reason).toContain("not one message");
  });

  test("with a message over the limit ends the connection", async () => {
    const { reason, code } = await provoke((socket) => socket.send(Buffer.alloc(5000)), { maxMessageBytes: 4096 });
    expect(reason.reason).toMatch(/longer than maxMessageBytes; raise that.*Max payload size exceeded/);
    expect(code).toBe(1009);
  });

  test("that goes away says so and rejects everything", async () => {
    const { reason, error } = await provoke((socket) => socket.close(1001, "see you"));
    expect(reason).toMatchObject({ kind: "disconnected" });
    expect(reason.reason).toMatch(/going away.*1001.*see you/);
    expect(error.kind).toBe("disconnected");
  });

  test("that dies without a goodbye likewise", async () => {
    const { reason } = await provoke((socket) => socket.terminate());
    expect(reason.reason).toMatch(/1006.*connect again/);
  });
});

describe("a server in Node", () => {
  test("survives garbage, and serves the next client", async () => {
    const host = await listen((socket) => void accept(socket, { bootstrap: serve(Tester, new TestServer()) }));
    const raw = tcpConnect(Number(host.split(":")[1]), "127.0.0.1");
    raw.write("GET /rpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    await new Promise((resolve) => raw.once("data", resolve));
    // A masked binary frame with five bytes that are no message.
    raw.write(Buffer.from([0x82, 0x85, 0, 0, 0, 0, 1, 2, 3, 4, 5]));
    const frames: Buffer[] = [];
    await new Promise<void>((resolve) =>
      raw.on("data", (data: Buffer) => {
        frames.push(data);
        // The close frame comes last: its code and a reason.
        if (Buffer.concat(frames).includes(Buffer.from([0x03, 0xef]))) resolve();
      }),
    );
    raw.destroy();
    await turn();
    const connection = await connect(`ws://${host}/rpc`);
    await expect(connection.bootstrap(Tester).echo({ text: "x" })).resolves.toEqual({ text: "x" });
    await connection.close();
  });
});
