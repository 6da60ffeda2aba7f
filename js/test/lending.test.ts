import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import WebSocket, { type ClientOptions, WebSocketServer } from "ws";
import { lend } from "../src/lending.js";
import { masking } from "../src/masking.js";
import { PairSocket } from "./sockets.js";

/** The two ends of a connection. The server's does not mask, nor does the client's with a key of zero: they send the very bytes that they are given. */
async function sockets(options: ClientOptions = {}): Promise<{ client: WebSocket; server: WebSocket; end(): void }> {
  const listening = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(listening, "listening");
  const accepted = once(listening, "connection") as Promise<[WebSocket]>;
  const client = new WebSocket(`ws://127.0.0.1:${(listening.address() as AddressInfo).port}`, options);
  const [server] = await accepted;
  if (client.readyState !== WebSocket.OPEN) await once(client, "open");
  return { client, server, end: () => (client.terminate(), listening.close()) };
}

const ends = ["client", "client that does not mask", "server"] as const;

async function socketsFrom(from: (typeof ends)[number]): Promise<{ near: WebSocket; far: WebSocket; end(): void }> {
  const { client, server, end } = await sockets(from === "client" ? {} : masking("ws://127.0.0.1/"));
  return from === "server" ? { near: server, far: client, end } : { near: client, far: server, end };
}

test.each(ends)("what a %s of ws is sent may be overwritten at once, while its socket still waits", async (from) => {
  const { near, far, end } = await socketsFrom(from);
  const send = lend(near) as (bytes: Uint8Array<ArrayBuffer>) => void;
  const received: Buffer[] = [];
  const lengths = [100, 8 * 1024, 64 * 1024 + 120, 72 * 1024, 200_000];
  const rounds = 60;
  const all = new Promise<void>((resolve) => {
    far.on("message", (data) => {
      if (received.push(data as Buffer) === rounds * lengths.length) resolve();
    });
  });
  const lent = new Uint8Array(Math.max(...lengths));
  far.pause();
  let waited = false;
  for (let round = 0; round < rounds; round++) {
    for (const length of lengths) {
      send(lent.subarray(0, length).fill(round + 1));
      lent.fill(0xee);
    }
    // The other side takes nothing at first, so that frames wait; then buffers come back, and are used again.
    await new Promise((resolve) => setImmediate(resolve));
    waited ||= near.bufferedAmount > 1 << 20;
    if (round === rounds >> 1) far.resume();
  }
  await all;
  expect(waited).toBe(true);
  const wrong = received.findIndex((bytes, index) => {
    return !bytes.equals(Buffer.alloc(lengths[index % lengths.length] as number, Math.floor(index / lengths.length) + 1));
  });
  expect(wrong).toBe(-1);
  end();
});

test.each(ends)("what still waits in a %s of ws that was closed is not overwritten by what others send", async (from) => {
  const closing = await socketsFrom(from);
  const other = await socketsFrom(from);
  const received: Buffer[] = [];
  closing.far.on("message", (data) => received.push(data as Buffer));
  closing.far.pause();
  const lent = new Uint8Array(64 * 1024);
  const send = lend(closing.near) as (bytes: Uint8Array<ArrayBuffer>) => void;
  for (let i = 1; i <= 200; i++) send(lent.fill(i));
  closing.near.close();
  expect(closing.near.bufferedAmount).toBeGreaterThan(1 << 20);

  const sendOther = lend(other.near) as typeof send;
  let left = 200;
  const allOfOther = new Promise<void>((resolve) => other.far.on("message", () => --left === 0 && resolve()));
  for (let i = left; i > 0; i--) {
    sendOther(lent.fill(0xee));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await allOfOther;

  const closed = once(closing.far, "close");
  closing.far.resume();
  await closed;
  expect(received.length).toBe(200);
  expect(received.findIndex((bytes, index) => !bytes.equals(Buffer.alloc(lent.length, index + 1)))).toBe(-1);
  closing.end();
  other.end();
});

test("other sockets are not known to say when they are done", () => {
  expect(lend(new PairSocket())).toBeUndefined();
});
