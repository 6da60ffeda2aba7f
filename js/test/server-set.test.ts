import { expect, test } from "vitest";
import { CapabilityServerSet, release, serve } from "../src/node.js";
import { state, turn } from "./sockets.js";
import { connectPair, TestServer, TestSink } from "./support.js";
import { ByteSink, Tester } from "./generated/testing.capnp.js";

const sinks = new CapabilityServerSet<ByteSink, ByteSink.Server, TestSink>(ByteSink);

test("a server set finds its own object behind a client that comes back in a call", async () => {
  const own = new TestSink();
  const found: unknown[] = [];
  const pair = connectPair(
    serve(Tester, {
      open: () => ({ sink: sinks.add(own), spare: serve(ByteSink, new TestSink()) }),
      same: async ({ sink }) => {
        found.push(sink && (await sinks.getLocalServer(sink)));
        if (sink !== undefined) release(sink);
        return {};
      },
    }),
  );
  const tester = pair.near.bootstrap(Tester);
  const { sink, spare } = await tester.open();
  await tester.same({ sink });
  // Another object of the server's, and one of the caller's.
  await tester.same({ sink: spare });
  await tester.same({ sink: serve(ByteSink, new TestSink()) });
  // A promised one, whose call has not returned yet.
  await tester.same({ sink: tester.open().sink });
  expect(found).toEqual([own, undefined, undefined, own]);
});

test("a server set knows only what it made itself", async () => {
  const own = new TestSink();
  const client = sinks.add(own);
  await expect(sinks.getLocalServer(client)).resolves.toBe(own);
  await expect(new CapabilityServerSet(ByteSink).getLocalServer(client)).resolves.toBeUndefined();
  await expect(sinks.getLocalServer(serve(ByteSink, own))).resolves.toBeUndefined();
});

test("a server set waits for promises", async () => {
  const own = new TestSink();
  const { near, farSocket } = connectPair(serve(Tester, { same: ({ sink }) => ({ sink }) }));
  const tester = near.bootstrap(Tester);
  farSocket.hold();
  const found = sinks.getLocalServer(tester.same({ sink: sinks.add(own) }).sink);
  expect(await state(found)).toBe("pending");
  farSocket.pass();
  await expect(found).resolves.toBe(own);
});

test("a server set waits for what was streamed to the object before", async () => {
  const own = new TestSink();
  let open!: () => void;
  own.gate = new Promise((resolve) => (open = resolve));
  const client = sinks.add(own);
  void client.write({ chunk: new Uint8Array(10) });
  const found = sinks.getLocalServer(client);
  release(client);
  await turn();
  expect(await state(found)).toBe("pending");
  open();
  expect((await found)?.bytes).toBe(10);
});

test("a server set of a broken client finds nothing, and refuses what is no client", async () => {
  const { near } = connectPair(serve(Tester, new TestServer()));
  const { sink } = near.bootstrap(Tester).same();
  await expect(sinks.getLocalServer(sink)).resolves.toBeUndefined();
  await expect(sinks.getLocalServer({} as ByteSink)).rejects.toThrow(/wants a client/);
});
