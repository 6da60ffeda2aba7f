import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { CapnpError, connect, type Connection, give, reconnecting, serve } from "../src/node.js";
import { BunSocket, type BunWebSocket } from "../src/server/bun-socket.js";
import { endpoint } from "../src/server/index.js";
import { attach, type AttachOptions } from "../src/server/node.js";
import { originRefusal, type Origins } from "../src/server/origins.js";
import { state, turn } from "./sockets.js";
import { TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function listening(): Promise<{ server: Server; host: string }> {
  const server = createServer((_request, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function attached(options: Partial<AttachOptions> = {}) {
  const { server, host } = await listening();
  const rpc = attach(server, { path: "/rpc", bootstrap: () => give(serve(Tester, new TestServer())), ...options });
  cleanUps.push(() => rpc.close());
  return { server, rpc, host, url: `ws://${host}/rpc` };
}

async function connected(url: string): Promise<Connection> {
  const connection = await connect(url);
  cleanUps.push(() => connection.close());
  return connection;
}

/** The refusal of a handshake, or what became of the socket. */
async function asked(url: string, headers: Record<string, string> = {}): Promise<string> {
  const socket = new WebSocket(url, { headers });
  socket.on("error", () => {});
  const refused = once(socket, "unexpected-response").then(async ([, response]) => {
    let text = "";
    for await (const chunk of response as IncomingMessage) text += String(chunk);
    return `${(response as IncomingMessage).statusCode}: ${text.trim()}`;
  });
  const opened = once(socket, "open").then(() => {
    socket.close();
    return "open";
  });
  return await Promise.race([refused, opened]);
}

describe("origins", () => {
  const admits = (origins: Origins, host: string | undefined, origin: string | undefined): boolean => originRefusal(origins, origin, host) === undefined;

  // The same as crates/net/src/origins.rs has.
  test.each([
    ["example.com", "https://example.com"],
    ["example.com:8080", "http://EXAMPLE.com:5173"],
    ["127.0.0.1:8080", "http://localhost:5173"],
    ["127.0.0.1:8080", "http://127.1.2.3"],
    ["[::1]:8080", "http://app.localhost"],
    ["example.com", undefined],
  ])("to %s, pages of %s may connect", (host, origin) => {
    expect(admits("same-host", host, origin)).toBe(true);
  });

  test.each([
    ["example.com", "https://example.com.evil.org"],
    ["example.com", "https://evil.org"],
    ["example.com", "https://www.example.com"],
    ["127.0.0.1:8080", "https://evil.org"],
    ["127.0.0.1:8080", "https://127.0.0.1.evil.org"],
    ["127.0.0.1", "null"],
    ["127.0.0.1", "file://"],
    ["127.0.0.1", ""],
    ["abcd", "chrome-extension://abcd"],
    [undefined, "https://example.com"],
  ])("to %s, pages of %j may not", (host, origin) => {
    expect(admits("same-host", host, origin)).toBe(false);
  });

  test("that are listed are compared whole", () => {
    const listed = ["https://Example.com:443/", "http://localhost:5173", "null"];
    for (const origin of ["https://example.com", "http://localhost:5173", "null"]) expect(admits(listed, "elsewhere", origin)).toBe(true);
    for (const origin of ["http://example.com", "https://example.com:8443", "http://localhost"]) expect(admits(listed, "elsewhere", origin)).toBe(false);
    expect(admits("any", "elsewhere", "https://evil.org")).toBe(true);
  });

  test("that make no sense are refused at once", () => {
    for (const origins of ["example.com", ["example.com"], "*", 5] as never[]) {
      expect(() => endpoint({ bootstrap: () => ({}), origins })).toThrow(/origins: expected "same-host", "any", or a list such as/);
    }
  });
});

describe("attach to a server of HTTP", () => {
  test("refuses pages of elsewhere with status 403 and says whose may, and lets in those that are listed", async () => {
    const { url, host } = await attached({ origins: ["https://app.example.com"] });
    expect(await asked(url, { Origin: "https://app.example.com" })).toBe("open");
    expect(await asked(url)).toBe("open");
    expect(await asked(url, { Origin: `http://${host}` })).toBe(`403: Pages of http://${host} may not connect to this server; the server's option \`origins\` says whose may.`);
  });

  test("has a path, and others for others", async () => {
    const { server, host } = await attached();
    expect(await asked(`ws://${host}/elsewhere`)).toBe("404: There is nothing at /elsewhere.");
    const second = attach(server, { path: "/second", bootstrap: () => give(serve(Tester, { echo: () => ({ text: "second" }) })) });
    cleanUps.push(() => second.close());
    expect(await (await connected(`ws://${host}/second?x=1`)).bootstrap(Tester).echo()).toEqual({ text: "second" });
    expect(await (await connected(`ws://${host}/rpc`)).bootstrap(Tester).echo({ text: "first" })).toEqual({ text: "first" });
    expect(await asked(`ws://${host}/elsewhere`)).toBe("404: There is nothing at /elsewhere.");
    // Those of another listener are its own.
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      if (request.url === "/other") sockets.handleUpgrade(request, socket, head, () => {});
    });
    expect(await asked(`ws://${host}/other`)).toBe("open");
    const answer = await new Promise<IncomingMessage>((resolve) => get(`http://${host}/rpc`, resolve));
    expect(answer.statusCode).toBe(200);
    answer.resume();
  });

  test("makes an object for each client, of its request, and lets go of it with the connection", async () => {
    const left: string[] = [];
    const seen: [Connection, string | undefined][] = [];
    const { url, rpc } = await attached({
      bootstrap: async ({ url }) => {
        await turn();
        return give(serve(Tester, { echo: () => ({ text: url ?? "" }), [Symbol.dispose]: () => void left.push(url ?? "") } as Partial<Tester.Server>));
      },
      onConnection: (connection, { url }) => void seen.push([connection, url]),
    });
    const [a, b] = await Promise.all([connected(`${url}?a`), connected(`${url}?b`)]);
    expect(await a.bootstrap(Tester).echo()).toEqual({ text: "/rpc?a" });
    expect(await b.bootstrap(Tester).echo()).toEqual({ text: "/rpc?b" });
    expect(seen.map(([, url]) => url).sort()).toEqual(["/rpc?a", "/rpc?b"]);
    expect([...rpc.connections]).toEqual(seen.map(([connection]) => connection));
    await a.close();
    await expect.poll(() => left).toEqual(["/rpc?a"]);
    expect(rpc.connections.size).toBe(1);
  });

  test("refuses whom its function refuses, in the words of a CapnpError and in no others", async () => {
    const errors: unknown[] = [];
    const { url } = await attached({
      bootstrap: ({ headers }) => {
        if (headers["x-token"] === undefined) throw new CapnpError("failed", "there is no token");
        throw new TypeError("a secret of the server's");
      },
      onError: (error) => void errors.push(error),
    });
    expect(await asked(url)).toBe("403: there is no token");
    expect(await asked(url, { "X-Token": "1" })).toBe("500: The server failed; see its log.");
    expect(errors).toEqual([new TypeError("a secret of the server's")]);
    await expect(connect(url)).rejects.toThrow(/403; the server refuses this client: check its credentials and origin/);
  });

  test("has one object for all, or is told that it is none", async () => {
    const { url } = await attached({ bootstrap: serve(Tester, new TestServer()) });
    for (let i = 0; i < 2; i++) expect(await (await connected(url)).bootstrap(Tester).echo({ text: "x" })).toEqual({ text: "x" });
    expect(() => attach(createServer(), { bootstrap: {} })).toThrow(/attach\(\{ bootstrap \}\)\(?\)? wants a client, got object/);
  });
});

/** Gives one sink at a time, and calls that never end. */
class Streams implements Partial<Tester.Server> {
  echo = ({ text }: { text: string }) => ({ text });
  open = () => ({ sink: give(serve(ByteSink, new TestSink())) });
  never = () => new Promise<never>(() => {});
}
const streams = (): object => give(serve(Tester, new Streams()));

describe("drain()", () => {
  test("closes what is idle at once, with code 1001, and refuses whoever comes", async () => {
    const { url, rpc } = await attached({ bootstrap: streams });
    const codes: number[] = [];
    const raw = new WebSocket(url);
    raw.on("close", (code) => void codes.push(code));
    await once(raw, "open");
    const connection = await connected(url);
    const tester = connection.bootstrap(Tester);
    await tester.echo();
    // A stream that has ended is none, even if its sink is still held.
    const { sink } = tester.open();
    await sink.write({ chunk: new Uint8Array(10) });
    await sink.end();
    expect(await rpc.drain()).toBe(0);
    expect((await connection.closed).reason).toBe("the peer ended the connection: the server is about to end");
    await expect.poll(() => codes).toEqual([1001]);
    expect(await asked(url)).toMatch(/^503: This server takes no new connections/);
  });

  test("waits for calls and for streams, between writes as well, until the limit", async () => {
    const { url, rpc } = await attached({ bootstrap: streams });
    const streaming = (await connected(url)).bootstrap(Tester);
    const { sink } = streaming.open({ name: "a" });
    await sink.write({ chunk: new Uint8Array(10) });
    await streaming.echo();
    const calling = (await connected(url)).bootstrap(Tester);
    const call = calling.never();
    call.catch(() => {});
    await calling.echo();
    const drained = rpc.drain(60_000);
    for (let i = 0; i < 5; i++) await turn();
    expect(await state(drained)).toBe("pending");
    // New calls are taken as long as it lasts.
    expect(await streaming.echo({ text: "still" })).toEqual({ text: "still" });
    expect(rpc.connections.size).toBe(2);
    await sink.write({ chunk: new Uint8Array(10) });
    expect(await sink.end()).toEqual({ total: 20n });
    await expect.poll(() => rpc.connections.size).toBe(1);
    expect(await rpc.drain(1)).toBe(1);
    await expect(call).rejects.toThrow(/the server has ended, and cut off what was under way/);
    expect(await drained).toBe(0);
  });

  test("sends reconnecting clients elsewhere", async () => {
    const { rpc, url } = await attached();
    const other = await attached();
    const urls = [url, other.url];
    await using link = reconnecting(() => connect(urls.shift() as string));
    const tester = link.bootstrap(Tester);
    await tester.echo();
    await rpc.drain();
    await link.connection?.closed;
    expect(await tester.echo({ text: "there" })).toEqual({ text: "there" });
    expect(other.rpc.connections.size).toBe(1);
  });
});

describe("attach to a WebSocketServer of ws", () => {
  async function withSockets(options: Partial<AttachOptions> = {}) {
    const { server, host } = await listening();
    const sockets = new WebSocketServer({ server });
    const rpc = attach(sockets, { bootstrap: async () => (await turn(), give(serve(Tester, new TestServer()))), ...options });
    cleanUps.push(() => rpc.close());
    return `ws://${host}/`;
  }

  test("loses nothing of what comes while the object is made", async () => {
    const url = await withSockets();
    const calls = Array.from({ length: 5 }, async (_, i) => (await connected(url)).bootstrap(Tester).echo({ text: `${i}` }));
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4].map((i) => ({ text: `${i}` })));
  });

  test("closes the sockets of pages of elsewhere, with code 1008 and why", async () => {
    const url = await withSockets();
    const socket = new WebSocket(url, { headers: { Origin: "https://evil.org" } });
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect(code).toBe(1008);
    expect(reason.toString()).toContain("Pages of https://evil.org may not connect to this server; the server's option `origins` says whose may");
  });

  test("takes no path", () => {
    expect(() => attach(new WebSocketServer({ noServer: true }), { path: "/rpc", bootstrap: () => ({}) })).toThrow(/takes no path: give it to the WebSocketServer/);
  });
});

describe("endpoint", () => {
  test("answers requests that ask for no WebSocket, and says where it cannot be", async () => {
    const upgrades: unknown[] = [];
    const bun = { upgrade: (_request: Request, { data }: { data: unknown }) => upgrades.push(data) > 1 };
    const rpc = endpoint({ bootstrap: () => give(serve(Tester, new TestServer())) });
    const answer = await rpc.upgrade(new Request("http://127.0.0.1/rpc"), bun);
    expect(answer?.status).toBe(426);
    expect(await answer?.text()).toMatch(/address of WebSockets/);
    const asking = new Request("http://127.0.0.1/rpc", { headers: { Upgrade: "websocket" } });
    expect((await rpc.upgrade(asking, bun))?.status).toBe(400);
    expect(await rpc.upgrade(asking, bun)).toBe(undefined);
    await expect(rpc.upgrade(asking)).rejects.toThrow(/in Bun it is upgrade\(request, server\), and in Node attach\(server, …\) of capstan\/node/);
  });

  test("takes Bun's sockets, and leaves others of the same server alone", async () => {
    const { open, message, close } = BunSocket.handlers(100);
    const sent: Uint8Array[] = [];
    let result = -1;
    const opened: BunSocket[] = [];
    const raw: BunWebSocket = {
      data: new BunSocket((socket) => void opened.push(socket)),
      readyState: 1,
      sendBinary: (data) => (sent.push(data), result),
      close: () => {},
      getBufferedAmount: () => 7,
    };
    open(raw);
    const [socket] = opened as [BunSocket];
    const heard: unknown[] = [];
    socket.onmessage = ({ data }) => void heard.push(data);
    socket.onclose = ({ code }) => void heard.push(code);
    message(raw, "text");
    close(raw, 1006, "");
    expect(heard).toEqual(["text", 1006]);
    expect([socket.readyState, socket.bufferedAmount]).toEqual([1, 7]);
    socket.send(new Uint8Array(1));
    result = 0;
    expect(() => socket.send(new Uint8Array(1))).toThrow(/did not take the message/);
    const foreign = { ...raw, data: { user: "ada" } };
    open(foreign);
    message(foreign, "text");
    close(foreign, 1000, "");
    expect(heard).toHaveLength(2);
  });
});

test("a stream that a server passes on is not waited for between writes, as its object is elsewhere", async () => {
  const { url, rpc } = await attached({
    bootstrap: () => give(serve(Tester, { same: ({ sink }) => ({ sink }) })),
  });
  const tester = (await connected(url)).bootstrap(Tester);
  const mine = serve(ByteSink, { write: () => {}, end: () => ({ total: 0n }) });
  const { sink } = await tester.same({ sink: mine });
  await sink?.write({ chunk: new Uint8Array(1) });
  await turn();
  expect(await rpc.drain()).toBe(0);
});
