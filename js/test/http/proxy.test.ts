import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type HttpHandler, httpClient, HttpService, openWebSocket, serveHttp } from "../../src/http.js";
import { accept, connect, type Connection } from "../../src/node.js";
import { chunks } from "./support.js";

/* With `capstan http-proxy`, written in Rust, between our client or server and the HTTP of Node and curl. */

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Starts the proxy; its address. */
async function proxy(listen: string, to: string): Promise<string> {
  const program = process.env["CAPSTAN_CLI"] ?? join(import.meta.dirname, "../../../target/debug/capstan");
  const child: ChildProcess = spawn(program, ["http-proxy", "--listen", listen, "--to", to], { stdio: ["ignore", "pipe", "inherit"] });
  closing.push(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [first] = (await Promise.race([
    once(lines, "line"),
    once(child, "error").then(([error]) => Promise.reject(new Error(`${program} does not start; \`cargo build -p capstan-cli\` makes it`, { cause: error }))),
  ])) as [string];
  const address = /^listening (\S+) -> /.exec(first)?.[1];
  if (address === undefined) throw new Error(`the proxy's first line is ${JSON.stringify(first)}`);
  return address;
}

/** A server of Node's that echoes, and our client of it. */
async function toNode(): Promise<{ service: HttpService; connection: Connection; server: Server }> {
  const server = createServer((request, response) => {
    if (request.url === "/torn") {
      response.writeHead(200, { "content-length": 1_000_000 });
      response.write(Buffer.alloc(100_000), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    response.writeHead(201, "Made", { "x-method": request.method, "x-url": request.url, "set-cookie": ["a=1", "b=2"] });
    request.pipe(response);
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.closeAllConnections(), () => server.close());
  const address = await proxy("ws://127.0.0.1:0/rpc", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const connection = await connect(address);
  closing.push(() => connection.close());
  return { service: connection.bootstrap(HttpService), connection, server };
}

/** An address of real HTTP whose requests a handler here answers. */
async function fromHandler(handler: HttpHandler): Promise<string> {
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(sockets, "listening");
  closing.push(() => sockets.close());
  const bootstrap = serveHttp(handler);
  sockets.on("connection", (socket) => {
    const connection = accept(socket, { bootstrap });
    closing.push(() => connection.close());
  });
  return proxy("http://127.0.0.1:0", `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/rpc`);
}

async function lengthOf(stream: ReadableStream<Uint8Array> | null): Promise<number> {
  let length = 0;
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) length += chunk.length;
  return length;
}

const BODY_BYTES = 64 * 1024 * 1024;

describe("httpClient with a server of Node's", () => {
  test("sends requests and gets responses", async () => {
    const { service } = await toNode();
    const fetch = httpClient(service);
    const response = await fetch("http://elsewhere.example/a?b=c", { method: "PUT", body: "hello", headers: { "x-own": "1" } });
    expect([response.status, response.headers.get("x-method"), response.headers.get("x-url")]).toEqual([201, "PUT", "/a?b=c"]);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    await expect(response.text()).resolves.toBe("hello");
    const large = await fetch("/", { method: "POST", body: chunks(BODY_BYTES / 65_536, 65_536), duplex: "half" } as RequestInit);
    await expect(lengthOf(large.body)).resolves.toBe(BODY_BYTES);
    await expect(lengthOf((await fetch("/torn")).body)).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("opens WebSockets", async () => {
    const { service } = await toNode();
    const socket = await openWebSocket(service, "/chat");
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    for (const message of ["hällo", new Uint8Array([1, 2, 3])]) {
      await writer.write(message);
      await expect(reader.read()).resolves.toEqual({ done: false, value: message });
    }
    socket.close({ closeCode: 4001, reason: "done" });
    await expect(socket.closed).resolves.toMatchObject({ closeCode: 4001 });
  });

  test("does not take a body for whole whose server or proxy is lost", async () => {
    const { service, server } = await toNode();
    const endless = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(new Uint8Array(1000));
      },
    });
    const response = await httpClient(service)("/", { method: "POST", body: endless, duplex: "half" } as RequestInit);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    server.closeAllConnections();
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toMatchObject({ kind: "disconnected" });
  });
});

describe("serveHttp with clients of real HTTP", () => {
  test("answers Node's fetch", async () => {
    const address = await fromHandler(async (request) => {
      // Node reads no response before it has sent the request.
      if (request.url.endsWith("/length")) return new Response(String(await lengthOf(request.body)));
      if (request.url.endsWith("/large")) return new Response(chunks(BODY_BYTES / 65_536, 65_536));
      return new Response(request.body, { status: 202, headers: { "x-url": request.url } });
    });
    const response = await fetch(`${address}/a?b=c`, { method: "POST", body: "hello" });
    expect([response.status, response.headers.get("x-url"), await response.text()]).toEqual([202, `${address}/a?b=c`, "hello"]);
    const sent = await fetch(`${address}/length`, { method: "POST", body: chunks(BODY_BYTES / 65_536, 65_536), duplex: "half" } as RequestInit);
    await expect(sent.text()).resolves.toBe(String(BODY_BYTES));
    await expect(lengthOf((await fetch(`${address}/large`)).body)).resolves.toBe(BODY_BYTES);
  });

  test("learns that a client has left", async () => {
    let hasLeft!: (reason: unknown) => void;
    const left = new Promise((resolve) => (hasLeft = resolve));
    const address = await fromHandler(() => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)), cancel: hasLeft })));
    const canceler = new AbortController();
    const response = await fetch(address, { signal: canceler.signal });
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    canceler.abort();
    await left;
  });

  test("answers curl, and tells it of a body that broke", async () => {
    const address = await fromHandler((request) => {
      if (!request.url.endsWith("/torn")) return Response.json({ agent: request.headers.get("user-agent")?.slice(0, 4) });
      let made = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          if (made++ < 5) controller.enqueue(new Uint8Array(1000));
          else controller.error(new Error("torn"));
        },
      });
      return new Response(body);
    });
    const curl = (...more: string[]) => promisify(execFile)("curl", ["--silent", "--show-error", "--http1.1", "--noproxy", "*", ...more]);
    expect((await curl(`${address}/`)).stdout).toBe('{"agent":"curl"}');
    // 18: the transfer was not complete.
    await expect(curl("--output", "/dev/null", `${address}/torn`)).rejects.toMatchObject({ code: 18 });
  });

  test("accepts WebSockets", async () => {
    const address = await fromHandler((_request, context) => {
      const socket = context.acceptWebSocket({ protocol: "chat" });
      void socket.readable.pipeTo(socket.writable);
    });
    const socket = new WebSocket(address.replace("http", "ws"), ["chat"]);
    await once(socket, "open");
    expect(socket.protocol).toBe("chat");
    socket.send("hällo");
    const [data, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
    expect([data.toString(), isBinary]).toEqual(["hällo", false]);
    socket.close(4001, "done");
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(4001);
  });
});
