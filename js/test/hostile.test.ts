import { expect, test } from "vitest";
import { accept, CapnpError, serve } from "../src/node.js";
import { type PairSocket, socketPair, turn } from "./sockets.js";
import { connectPair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

/** Numbers that only depend on the seed (xorshift32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** What both sides say in a session that uses most of what there is. */
async function recordSession(isCalledBack: boolean): Promise<{ toServer: Uint8Array[]; toClient: Uint8Array[] }> {
  const { near, nearSocket, farSocket } = connectPair(serve(Tester, new TestServer()));
  const tester = near.bootstrap(Tester);
  await tester.echo({ text: "hello" });
  const created = tester.open({ name: "a" });
  await created.sink.write({ chunk: new Uint8Array(100) });
  await created.inner.sink.end();
  await created;
  if (isCalledBack) await tester.use({ sink: serve(ByteSink, new TestSink()), times: 3 });
  await tester.same({ sink: created.spare });
  await tester.fail({ kind: 1, reason: "no" }).catch(() => {});
  void tester.never({}, { timeout: 1 }).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 5));
  await near.close();
  await turn();
  const frames = (socket: PairSocket): Uint8Array[] => socket.given.map((frame) => frame.slice());
  // The last message is the goodbye.
  return { toServer: frames(nearSocket).slice(0, -1), toClient: frames(farSocket) };
}

function mutate(frame: Uint8Array, random: (below: number) => number): ArrayBuffer {
  const copy = frame.slice();
  for (let i = random(4); i >= 0; i--) {
    // The first word is the segment table, and what breaks there is found first; most damage goes behind it.
    const at = random(8) === 0 ? random(copy.length) : 8 + random(Math.max(copy.length - 8, 1));
    if (at < copy.length) copy[at] = random(3) === 0 ? random(256) : (copy[at] as number) ^ (1 << random(8));
  }
  return copy.buffer as ArrayBuffer;
}

test("damaged messages end their connection at worst, and nobody else's", async () => {
  const sessions = [await recordSession(true), await recordSession(false)] as const;
  const bystander = connectPair(serve(Tester, new TestServer()));
  const tester = bystander.near.bootstrap(Tester);
  await expect(tester.echo({ text: "before" })).resolves.toEqual({ text: "before" });
  let ended = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomFrom(seed * 7919);
    // Played back, answers to calls that were not made yet end the first kind of session; the second can survive.
    const { toServer, toClient } = sessions[seed % 3 === 0 ? 0 : 1];
    const [server] = socketPair();
    const [client] = socketPair();
    const serving = accept(server, { bootstrap: serve(Tester, new TestServer()) });
    const calling = accept(client);
    // A client that is in the middle of the same session, and calls that must not hang when it ends.
    const remote = calling.bootstrap(Tester);
    const created = remote.open({ name: "a" });
    const calls = [remote.echo({ text: "hello" }), created, created.sink.write({ chunk: new Uint8Array(9) }), created.sink.end()];
    const outcomes = Promise.allSettled(calls);
    const damagedAt = random(Math.max(toServer.length, toClient.length));
    for (let i = 0; i < Math.max(toServer.length, toClient.length); i++) {
      const pass = (socket: PairSocket, frame: Uint8Array | undefined): void => {
        if (frame !== undefined) socket.receive(i >= damagedAt ? mutate(frame, random) : frame.slice().buffer);
      };
      pass(server, toServer[i]);
      pass(client, toClient[i]);
      if (random(4) === 0) await turn();
    }
    await turn();
    if (server.closedWith !== undefined) ended++;
    await Promise.all([serving.close(), calling.close()]);
    for (const outcome of await outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason, `seed ${seed}`).toBeInstanceOf(CapnpError);
    }
  }
  // Both happened: damage that was noticed, and damage that made another valid message.
  expect(ended).toBeGreaterThan(30);
  expect(ended).toBeLessThan(300);
  await expect(tester.echo({ text: "after" })).resolves.toEqual({ text: "after" });
  expect(bystander.near.stats()).toMatchObject({ questions: 0, imports: 1 });
});
