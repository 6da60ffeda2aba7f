import { afterEach, describe, expect, test, vi } from "vitest";
import { accept, type Connection, type ConnectionOptions, serve } from "../src/node.js";
import { type Batching, OFFER as MAKES_OFFER, OFFER_LONG, overSocket } from "../src/connection.js";
import { type PairSocket, sentOver, socketPair, turn } from "./sockets.js";
import { TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/** As docs/framing.md has it. */
const OFFER = Uint8Array.of(
  ...[0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0x95, 0xca, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0],
  ...[0x4d, 0xd2, 0xc6, 0x93, 0x0e, 0x5a, 0xf7, 0xb1, 1, 0, 0, 0, 0, 0, 4, 0],
);

interface SetUp {
  near: Connection;
  far: Connection;
  tester: Tester;
  nearSocket: PairSocket;
  farSocket: PairSocket;
}

/** A client as `connect` makes it, and a server. */
function setUp(options: ConnectionOptions = {}, farOptions: ConnectionOptions = {}): SetUp {
  const [nearSocket, farSocket] = socketPair();
  const far = accept(farSocket, { ...farOptions, bootstrap: serve(Tester, new TestServer()) });
  const near = overSocket(nearSocket, "the server", options, MAKES_OFFER);
  return { near, far, tester: near.bootstrap(Tester), nearSocket, farSocket };
}

/** Frames sent by each side for so many calls made at once. */
async function framesFor({ tester, nearSocket, farSocket }: SetUp, calls: number): Promise<[number, number]> {
  const before = [nearSocket.given.length, farSocket.given.length] as const;
  const texts = await Promise.all(Array.from({ length: calls }, (_, i) => tester.echo({ text: String(i) })));
  expect(texts.map(({ text }) => text)).toEqual(Array.from({ length: calls }, (_, i) => String(i)));
  await turn();
  return [nearSocket.given.length - before[0], farSocket.given.length - before[1]];
}

/** The lengths of the messages in a frame. Each has one segment. */
function lengths(frame: Uint8Array): number[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const found: number[] = [];
  for (let at = 0; at < frame.length; at += found.at(-1) as number) found.push(8 + 8 * view.getUint32(at + 4, true));
  return found;
}

/** Bootstraps, which any vat answers. */
function bootstraps(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, question) =>
    Uint8Array.of(...[0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], question, ...[0, 0, 0, 0, 0, 0, 0]),
  );
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

describe("batches", () => {
  test("carry the calls of a turn in one frame, and the answers to them in another", async () => {
    const pair = setUp();
    // The bootstrap and its Finish, the calls and the offer are frames of their own.
    expect((await framesFor(pair, 20))[0]).toBeGreaterThan(20);
    expect(await framesFor(pair, 100)).toEqual([1, 1]);
    // One by one, they do not wait for each other.
    for (let i = 0; i < 5; i++) expect(await framesFor(pair, 1)).toEqual([1, 1]);
  });

  /** What ends a turn for writers, see `turn.ts`, is the test's: by itself a busy machine would make shorter batches. */
  afterEach(() => void vi.restoreAllMocks());

  test.each<[string, Batching, number, number[][], msPerLook?: number]>([
    ["are not for long messages", MAKES_OFFER, 65_536, [[65_656], [65_656], [65_656], [65_656], [65_656]]],
    ["are for those little longer than 64 KiB where sockets are slow with such frames", OFFER_LONG, 65_536, [[65_656, 65_656, 65_656], [65_656, 65_656]]],
    ["end with a turn that has been long", OFFER_LONG, 65_536, [[65_656, 65_656], [65_656, 65_656], [65_656]], 1],
    ["are not for shorter ones there", OFFER_LONG, 65_280, [[65_400], [65_400], [65_400], [65_400], [65_400]]],
    ["are not for longer ones there", OFFER_LONG, 200_000, [[200_120], [200_120], [200_120], [200_120], [200_120]]],
  ])("%s", async (_what, batching, chunkBytes, expected, msPerLook = 0) => {
    let ms = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (ms += msPerLook));
    const [nearSocket, farSocket] = socketPair();
    const mine = new TestSink();
    accept(farSocket, { bootstrap: serve(ByteSink, mine) });
    const sink = overSocket(nearSocket, "the server", { flowControl: { fixed: 4 << 20 } }, batching).bootstrap(ByteSink);
    for (let i = 0; i < 20; i++) await sink.write({ chunk: new Uint8Array(1) });
    await turn();
    const before = nearSocket.given.length;
    for (let i = 0; i < 5; i++) await sink.write({ chunk: new Uint8Array(chunkBytes).fill(i) });
    await turn();
    expect(nearSocket.given.slice(before).map((frame) => lengths(frame as Uint8Array))).toEqual(expected);
    await sink.end();
    expect(mine.chunks.slice(20).map((chunk) => [chunk.length, chunk[0], chunk.at(-1)])).toEqual(Array.from({ length: 5 }, (_, i) => [chunkBytes, i, i]));
  });

  test("carry what is called in answer to the results of others", async () => {
    const pair = setUp();
    await framesFor(pair, 20);
    const before = pair.nearSocket.given.length;
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await pair.tester.echo({ text: "x" });
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    expect(pair.nearSocket.given.length - before).toBe(10);
  });

  test.each([
    ["the client", { batch: false }, {}],
    ["the server", {}, { batch: false }],
  ])("are not sent when %s has them turned off", async (_who, options, farOptions) => {
    const pair = setUp(options, farOptions);
    await framesFor(pair, 20);
    const [calls, returns] = await framesFor(pair, 50);
    expect([calls, returns]).toEqual([50, 50]);
  });

  test("are not offered before the 16th message", async () => {
    const pair = setUp();
    const offers = (): number => pair.nearSocket.given.filter((frame) => frame[16] === OFFER[16] && frame[17] === OFFER[17]).length;
    await framesFor(pair, 13);
    expect(offers()).toBe(0);
    await framesFor(pair, 2);
    expect(pair.nearSocket.given.at(-2)).toEqual(OFFER);
    expect(offers()).toBe(1);
  });

  test("leave large messages in frames of their own, and order as it is", async () => {
    const pair = setUp();
    await framesFor(pair, 20);
    const { sink } = pair.tester.open({ name: "a" });
    await turn();
    const before = pair.nearSocket.given.length;
    const chunk = new Uint8Array(10_000);
    const calls = [pair.tester.echo(), sink.write({ chunk }), pair.tester.echo(), pair.tester.echo()];
    const ended = sink.end();
    await Promise.all(calls);
    await expect(ended).resolves.toEqual({ total: 10_000n });
    const frames = pair.nearSocket.given.slice(before, before + 3).map(lengths);
    expect(frames.map((each) => each.length)).toEqual([1, 1, 3]);
  });

  test("go out before the connection ends", async () => {
    const pair = setUp();
    await framesFor(pair, 20);
    const before = pair.nearSocket.given.length;
    void pair.tester.echo().catch(() => undefined);
    await pair.near.close();
    // The call, and the Abort behind it.
    expect(lengths(pair.nearSocket.given[before] as Uint8Array)).toHaveLength(2);
    expect(pair.nearSocket.closedWith?.code).toBe(1000);
  });

  test("do not keep streams from filling the window at once", async () => {
    const pair = setUp({ flowControl: { fixed: 64 * 1024 } });
    await framesFor(pair, 20);
    const { sink } = pair.tester.open({ name: "a" });
    const chunk = new Uint8Array(1000);
    for (let i = 0; i < 200; i++) await sink.write({ chunk });
    await expect(sink.end()).resolves.toEqual({ total: 200_000n });
    for (const frame of pair.nearSocket.given) expect(frame.length).toBeLessThanOrEqual(64 * 1024);
  });
});

describe("a server that gets batches", () => {
  function played(farOptions: ConnectionOptions = {}): { far: Connection; socket: PairSocket; sent: PairSocket } {
    const [socket, sent] = socketPair();
    return { far: accept(sent, { ...farOptions, bootstrap: serve(Tester, new TestServer()) }), socket, sent };
  }

  test("answers an offer with one, and what comes together", async () => {
    const { socket, sent } = played();
    socket.send(OFFER);
    await turn();
    expect(sent.given).toEqual([OFFER]);
    socket.send(joined(...bootstraps(30)) as Uint8Array<ArrayBuffer>);
    await turn();
    expect(sent.given).toHaveLength(2);
    expect(lengths(sent.given[1] as Uint8Array)).toHaveLength(30);
  });

  test("knows of no offers when they are turned off", async () => {
    const { socket, sent } = played({ batch: false });
    socket.send(OFFER);
    await turn();
    expect(sentOver(sent)).toEqual(["unimplemented"]);
  });

  test.each([
    ["that it has not offered to take", false, joined(...bootstraps(2)), 1007, "followed by"],
    ["that are cut off", true, joined(...bootstraps(3)).subarray(0, -8), 1007, "behind 2 messages"],
    ["with bytes left over", true, joined(...bootstraps(2), new Uint8Array(3)), 1007, "behind 2 messages"],
    ["with noise in them", true, joined(...bootstraps(2), new Uint8Array(64).fill(255)), 1007, "segments"],
    ["that are too long", true, joined(...bootstraps(8000)), 1009, "262144"],
  ])("refuses batches %s", async (_what, offered, batch, code, why) => {
    const { far, socket, sent } = played();
    if (offered) socket.send(OFFER);
    await turn();
    socket.send(batch as Uint8Array<ArrayBuffer>);
    const reason = await far.closed;
    expect(reason.reason).toContain(why);
    expect(sent.closedWith?.code).toBe(code);
    expect(sentOver(sent).at(-1)).toBe("abort");
    expect(sentOver(sent)).not.toContain("return results");
  });
});

describe("a chain of five dependent calls", () => {
  test("is one round trip", async () => {
    const pair = setUp();
    await framesFor(pair, 20);
    pair.farSocket.hold();
    const before = pair.nearSocket.given.length;
    const first = pair.tester.open({ name: "a" }).sink;
    const second = pair.tester.same({ sink: first }).sink;
    const third = pair.tester.same({ sink: second }).sink;
    const fourth = pair.tester.same({ sink: third }).sink;
    const fifth = fourth?.end();
    await turn();
    // All five are there before anything has come back,
    expect(lengths(pair.nearSocket.given[before] as Uint8Array)).toHaveLength(5);
    expect(pair.nearSocket.given).toHaveLength(before + 1);
    // and nothing more is asked before the last is answered.
    let isOver = false;
    void fifth?.then(() => (isOver = true));
    const asked = pair.nearSocket.given.length;
    const held = pair.farSocket.heldCount;
    expect(held).toBeGreaterThan(0);
    for (let i = 0; i < held; i++) pair.farSocket.passOne();
    await turn();
    expect(isOver).toBe(true);
    expect(await fifth).toEqual({ total: 0n });
    expect(asked).toBe(before + 1);
  });
});

