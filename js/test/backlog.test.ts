import { expect, test } from "vitest";
import { serve, streamStats } from "../src/node.js";
import { ByteSink } from "./generated/testing.capnp.js";
import { type PairSocket, state, turn } from "./sockets.js";
import { connectPair, TestSink } from "./support.js";

const CHUNK_BYTES = 16 * 1024;
const ROUND_TRIP_MILLIS = 20;

class Uplink {
  readonly #pair = connectPair(serve(ByteSink, new TestSink()), { batch: false }, { batch: false });
  readonly sink = this.#pair.near.bootstrap(ByteSink);

  get windowBytes(): number {
    return Math.min(this.#pair.near.stats().window, streamStats(this.sink)?.window ?? 0);
  }

  get inFlight(): number {
    return streamStats(this.sink)?.inFlight ?? 0;
  }

  get socket(): PairSocket {
    return this.#pair.nearSocket;
  }

  /** What the socket says of itself from now on. */
  set bufferedAmount(bytes: number) {
    Object.assign(this.socket, { bufferedAmount: bytes });
  }

  /** Writes to a socket that holds everything, until that has to wait; not more than so many bytes. */
  async fill(limitBytes: number): Promise<{ waiting?: Promise<void> }> {
    this.socket.hold();
    while (this.inFlight < limitBytes) {
      const written = this.sink.write({ chunk: new Uint8Array(CHUNK_BYTES) });
      if ((await state(written)) === "pending") return { waiting: written };
    }
    return {};
  }

  /** Sends more than the window has room for, there and back in one round trip, so that the window grows. */
  async grow(): Promise<void> {
    this.socket.hold();
    const count = Math.ceil((1.5 * this.windowBytes) / CHUNK_BYTES) + 1;
    const written = Array.from({ length: count }, () => this.sink.write({ chunk: new Uint8Array(CHUNK_BYTES) }));
    await new Promise((resolve) => setTimeout(resolve, ROUND_TRIP_MILLIS));
    await this.empty();
    await Promise.all(written);
  }

  async empty(): Promise<void> {
    this.socket.pass();
    while (this.inFlight > 0) await turn();
  }
}

test("what waits in the socket holds streams back, though their windows have room, until there is less of it", async () => {
  const uplink = new Uplink();
  await uplink.sink.write({ chunk: new Uint8Array(1) });
  await uplink.empty();
  while (uplink.windowBytes < 512 * 1024) await uplink.grow();
  expect(await uplink.fill(256 * 1024)).toEqual({});
  await uplink.empty();

  uplink.bufferedAmount = 1 << 20;
  const { waiting } = await uplink.fill(256 * 1024);
  expect(await state(waiting!)).toBe("pending");
  expect(uplink.inFlight).toBeGreaterThan(64 * 1024);
  expect(uplink.inFlight).toBeLessThan(256 * 1024);

  // The socket sends no event when it has less to send: whatever comes next is when that is looked at.
  uplink.bufferedAmount = 0;
  expect(await state(waiting!)).toBe("pending");
  uplink.socket.passOne();
  expect(await state(waiting!)).toBe("resolved");
  expect(uplink.inFlight).toBeGreaterThan(32 * 1024);
  await uplink.empty();
});
