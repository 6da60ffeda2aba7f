import { describe, expect, test } from "vitest";
import { HttpRefusedError, type HttpSocket, openTunnel, openWebSocket } from "../../src/http.js";
import { turn } from "../sockets.js";
import { connectHttp, IDLE, untilIdle } from "./support.js";

async function messagesOf(socket: HttpSocket): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of socket.readable as unknown as AsyncIterable<string | Uint8Array>) messages.push(message);
  return messages;
}

describe("a WebSocket", () => {
  test("carries texts and bytes both ways, and closes with what its ends say", async () => {
    let atServer: Promise<unknown> | undefined;
    const pair = connectHttp((request, context) => {
      expect([request.url, context.headers.get("sec-websocket-protocol"), context.headers.get("x-own")]).toEqual(["https://example.com/chat", "b, a", "1"]);
      const socket = context.acceptWebSocket({ protocol: "a", headers: { "x-back": "2" } });
      atServer = socket.closed;
      void socket.readable.pipeTo(socket.writable);
    });
    const socket = await openWebSocket(pair.service, "wss://example.com/chat", { protocols: ["b", "a"], headers: { "x-own": "1" } });
    expect([socket.protocol, socket.headers.get("x-back")]).toEqual(["a", "2"]);
    const writer = socket.writable.getWriter();
    await writer.write("hällo");
    await writer.write(new Uint8Array([1, 2, 3]));
    await writer.write("");
    socket.close({ closeCode: 4001, reason: "done" });
    await expect(messagesOf(socket)).resolves.toEqual(["hällo", new Uint8Array([1, 2, 3]), ""]);
    await expect(atServer).resolves.toEqual({ closeCode: 4001, reason: "done" });
    // The server's stream was piped to its end, and so closed without a code.
    await expect(socket.closed).resolves.toMatchObject({ reason: expect.any(String) as string });
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("is closed by the server as well", async () => {
    const pair = connectHttp((_request, context) => context.acceptWebSocket().close({ closeCode: 1000, reason: "bye" }));
    const socket = await openWebSocket(pair.service, "/chat");
    await expect(socket.closed).resolves.toEqual({ closeCode: 1000, reason: "bye" });
    await expect(messagesOf(socket)).resolves.toEqual([]);
    expect(() => socket.close({ closeCode: 7 })).toThrow("cannot be closed with the code 7");
    expect(() => socket.close({ reason: "a".repeat(200) })).toThrow("123 bytes fit");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("may be refused, and is only where one was asked for", async () => {
    const pair = connectHttp((request, context) => {
      if (request.url.endsWith("/odd")) context.acceptWebSocket();
      return new Response("members only", { status: 403 });
    });
    const refused = await openWebSocket(pair.service, "/chat").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HttpRefusedError);
    await expect((refused as HttpRefusedError).response.text()).resolves.toBe("members only");
    await expect(pair.fetch("/odd")).rejects.toThrow("the request is no WebSocket's handshake");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("that one end drops is lost for the other", async () => {
    const ends: HttpSocket[] = [];
    const pair = connectHttp((_request, context) => void ends.push(context.acceptWebSocket()));
    const first = await openWebSocket(pair.service, "/");
    await first.writable.abort("gone");
    await expect(messagesOf(ends[0] as HttpSocket)).rejects.toMatchObject({ kind: "disconnected" });
    await expect(ends[0]?.closed).rejects.toMatchObject({ kind: "disconnected" });
    const second = await openWebSocket(pair.service, "/");
    await ends[1]?.writable.abort("gone");
    await expect(second.closed).rejects.toMatchObject({ kind: "disconnected" });
    const canceler = new AbortController();
    const third = await openWebSocket(pair.service, "/", { signal: canceler.signal });
    canceler.abort(new Error("enough"));
    await expect(third.closed).rejects.toThrow("enough");
    await expect(ends[2]?.closed).rejects.toBeInstanceOf(Error);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
    const fourth = await openWebSocket(pair.service, "/");
    pair.nearSocket.break();
    await expect(fourth.closed).rejects.toMatchObject({ kind: "disconnected" });
    await expect(ends[3]?.closed).rejects.toMatchObject({ kind: "disconnected" });
  });

  test("sends as fast as it is read", async () => {
    let end: HttpSocket | undefined;
    const pair = connectHttp((_request, context) => void (end = context.acceptWebSocket()));
    const socket = await openWebSocket(pair.service, "/");
    let sent = 0;
    const writer = socket.writable.getWriter();
    void (async () => {
      for (; sent < 1000; sent++) await writer.write(new Uint8Array(64 * 1024));
      await writer.close();
    })();
    for (let tries = 0; tries < 200; tries++) await turn();
    expect(sent).toBeLessThan(100);
    expect((await messagesOf(end as unknown as HttpSocket)).length).toBe(1000);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });
});

describe("a tunnel", () => {
  test("carries bytes both ways, each of which ends by itself", async () => {
    const seen: unknown[] = [];
    const pair = connectHttp(() => new Response(), {
      async connect({ host, headers, tls, accept }) {
        seen.push(host, headers.get("proxy-authorization"), tls);
        const tunnel = accept({ headers: { via: "test" }, startTls: (name) => void seen.push(name) });
        void tunnel.readable.pipeTo(tunnel.writable);
      },
    });
    const tunnel = await openTunnel(pair.service, "example.com:443", { headers: { "Proxy-Authorization": "x" }, tls: true });
    expect([tunnel.status, tunnel.headers.get("via")]).toEqual([200, "test"]);
    const writer = tunnel.writable.getWriter();
    await writer.write(new Uint8Array([1, 2, 3]));
    await tunnel.startTls("example.com");
    await writer.write(new Uint8Array([4]));
    await writer.close();
    const bytes: number[] = [];
    for await (const chunk of tunnel.readable as unknown as AsyncIterable<Uint8Array>) bytes.push(...chunk);
    expect(bytes).toEqual([1, 2, 3, 4]);
    expect(seen).toEqual(["example.com:443", "x", true, "example.com"]);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("may be refused, by a response or by an error", async () => {
    const pair = connectHttp(() => new Response(), {
      connect: ({ host }) => {
        if (host === "bad:1") throw new Error("no such host");
        return new Response("not there", { status: 403 });
      },
    });
    const refused = await openTunnel(pair.service, "example.com:443").catch((error: unknown) => error);
    expect((refused as HttpRefusedError).message).toBe("the server refused the tunnel to example.com:443: 403");
    await expect((refused as HttpRefusedError).response.text()).resolves.toBe("not there");
    await expect(openTunnel(pair.service, "bad:1")).rejects.toThrow("no such host");
    await expect(openTunnel(connectHttp(() => new Response()).service, "a:1")).rejects.toMatchObject({ kind: "unimplemented" });
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("that is cut fails to be read, at both ends", async () => {
    const ends: ReadableStream<Uint8Array>[] = [];
    const pair = connectHttp(() => new Response(), { connect: ({ accept }) => void ends.push(accept().readable) });
    const canceler = new AbortController();
    const first = await openTunnel(pair.service, "a:1", { signal: canceler.signal });
    canceler.abort(new Error("enough"));
    await expect(first.readable.getReader().read()).rejects.toThrow("enough");
    await expect(ends[0]?.getReader().read()).rejects.toBeInstanceOf(Error);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
    const second = await openTunnel(pair.service, "a:1");
    pair.farSocket.break();
    await expect(second.readable.getReader().read()).rejects.toMatchObject({ kind: "disconnected" });
    await expect(ends[1]?.getReader().read()).rejects.toMatchObject({ kind: "disconnected" });
  });
});
