import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import { lend } from "../src/lending.js";
import { PairSocket } from "./sockets.js";

/** The two ends of a connection. The server's does not mask, so it sends the very bytes that it is given. */
async function sockets(): Promise<{ client: WebSocket; server: WebSocket; end(): void }> {
  const listening = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(listening, "listening");
  const accepted = once(listening, "connection") as Promise<[WebSocket]>;
  const client = new WebSocket(`ws://127.0.0.1:${(listening.address() as AddressInfo).port}`);
  const [server] = await accepted;
  if (client.readyState !== WebSocket.OPEN) await once(client, "open");
  return { client, server, end: () => (client.terminate(), listening.close()) };
}

test.each(["client", "server"] as const)("what a %s of ws is sent may be overwritten at once, while its socket still waits", async (from) => {
  const pair = await sockets();
  const [near, far] = from === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
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
  pair.end();
});

test("other sockets are not known to say when they are done", () => {
  expect(lend(new PairSocket())).toBeUndefined();
});
