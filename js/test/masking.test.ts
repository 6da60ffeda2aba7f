import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { masking } from "../src/masking.js";
import { accept, connect, serve, writable } from "../src/node.js";
import { Tester } from "./generated/testing.capnp.js";
import { TestServer } from "./support.js";

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** The masking keys of the frames that a client sends over a socket, in order. */
function keysOf(bytes: Buffer): Buffer[] {
  const keys: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const lengthCode = bytes.readUInt8(at + 1) & 0x7f;
    const length = lengthCode === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : lengthCode === 126 ? bytes.readUInt16BE(at + 2) : lengthCode;
    const key = at + 2 + (lengthCode === 127 ? 8 : lengthCode === 126 ? 2 : 0);
    expect(bytes.readUInt8(at + 1) & 0x80).toBe(0x80);
    keys.push(bytes.subarray(key, key + 4));
    at = key + 4 + length;
  }
  return keys;
}

/** What a client sends that makes a small call and a stream of chunks of many lengths; the server has to get all as it was. */
async function sentTo(host: string): Promise<Buffer> {
  const listening = new WebSocketServer({ host: "::", port: 0, perMessageDeflate: false });
  cleanUps.push(() => listening.close());
  await once(listening, "listening");
  const sent: Buffer[] = [];
  const implementation = new TestServer();
  listening.on("connection", (socket: WebSocket, request: IncomingMessage) => {
    request.socket.on("data", (bytes: Buffer) => sent.push(Buffer.from(bytes)));
    accept(socket, { bootstrap: serve(Tester, implementation) });
  });
  const connection = await connect(`ws://${host}:${(listening.address() as AddressInfo).port}/`);
  const tester = connection.bootstrap(Tester);
  expect((await tester.echo({ text: "hello" })).text).toBe("hello");
  const { sink } = tester.open({ name: "a" });
  const lengths = [1, 5000, 9000, 65_000, 65_536, 70_000, 100_000, 200_000];
  const chunks = Array.from({ length: 80 }, (_, i) => new Uint8Array(lengths[i % lengths.length] as number).fill(i + 1));
  for (const chunk of chunks) await sink.write({ chunk });
  await sink.end();
  const { sink: piped } = tester.open({ name: "b" });
  const stream = writable(piped);
  const writer = stream.getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  await writer.close();
  const whole = Buffer.concat(chunks);
  for (const name of ["a", "b"]) expect(Buffer.concat(implementation.sinks.get(name)?.chunks ?? []).equals(whole)).toBe(true);
  await connection.close();
  return Buffer.concat(sent);
}

describe("the key that masks what is sent from Node", () => {
  test.each(["127.0.0.1", "127.1", "localhost", "[::1]"])("is zero to %s", async (host) => {
    const keys = keysOf(await sentTo(host));
    expect(keys.length).toBeGreaterThan(50);
    expect(keys.filter((key) => !key.equals(Buffer.alloc(4)))).toEqual([]);
  });

  // The last is this computer too, but not by one of its known names.
  const others = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => address));
  test.each([...others, "[::ffff:127.0.0.1]"])("is random to %s", async (host) => {
    const keys = keysOf(await sentTo(host));
    expect(keys.length).toBeGreaterThan(50);
    // Some may be the same by chance, hardly ever two of a hundred.
    expect(new Set(keys.map((key) => key.toString("hex"))).size).toBeGreaterThan(keys.length - 3);
  });

  test.each([
    ["ws://127.255.0.3:80/x", true],
    ["ws://localhost/", true],
    ["ws://[::1]:8080/", true],
    ["wss://localhost/", false],
    ["wss://example.com/", false],
    ["ws://example.com/?at=127.0.0.1", false],
    ["ws://localhost@example.com/", false],
    ["ws://localhost.example.com/", false],
    ["ws://127.0.0.1.example.com/", false],
    ["ws://128.0.0.1/", false],
    ["ws://192.168.1.1/", false],
    ["ws://[2001:db8::1]/", false],
  ])("to %s: %s that it is zero", (url, isZero) => {
    const key = Buffer.alloc(4, 7);
    masking(url).generateMask?.(key);
    expect(key.equals(Buffer.alloc(4))).toBe(isZero);
  });
});
