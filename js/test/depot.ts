import { AnyPointer, type AnyPointerInput, type Data, give, serve, Text } from "../src/node.js";
import { openSink, openSource, readFrom, sourceOf, writeTo } from "../src/sinks/index.js";
import type { Source } from "../src/sinks/index.js";
import { Depot, Person } from "./generated/depot.capnp.js";

export async function all<T>(items: ReadableStream<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

export async function writeAll<T>(stream: WritableStream<T>, items: Iterable<T>): Promise<void> {
  const writer = stream.getWriter();
  for (const item of items) {
    await writer.ready;
    writer.write(item).catch(() => {});
  }
  await writer.close();
}

export const texts = (count: number): string[] => Array.from({ length: count }, (_, n) => `item ${n}`);

/** The same as the tests in Rust have. */
export function depot(): Depot {
  /** What comes by a stream is there when the stream is over. */
  const kept = new Map<string, string[] | Promise<string[]>>();
  const get = async (name: string): Promise<string[]> => {
    const items = kept.get(name);
    if (items === undefined) throw new Error(`there are no items called ${name}`);
    return await items;
  };
  let stalled: ReadableStream<Uint8Array> | undefined;
  return serve(Depot, {
    async put({ name, items }) {
      const read = await all(readFrom(items as Source<typeof Text>));
      kept.set(name, read);
      return { count: read.length };
    },
    async get({ name, into }) {
      if (into !== undefined) await writeAll(writeTo(into), await get(name));
    },
    take: async ({ name }) => ({ items: sourceOf(Text, await get(name)) }),
    async fill({ name }) {
      const { sink, stream } = await openSource(Text);
      kept.set(
        name,
        all(stream).catch((error: Error) => [error.message]),
      );
      return { into: sink };
    },
    async introduce({ names }) {
      const { source, stream } = await openSink(Person);
      void (async () => {
        const writer = stream.getWriter();
        writer.closed.catch(() => {});
        for await (const name of readFrom(names as Source<typeof Text>)) {
          if (name === "Nobody") return await writer.abort(new Error("nobody is nobody"));
          await writer.write({ name, born: 1800 + name.length });
          if (name === "Last") return await writer.close();
        }
      })().catch(() => {});
      return { people: source };
    },
    copy: ({ items }) => ({ items: items && sourceOf(AnyPointer, readFrom(items) as ReadableStream<AnyPointerInput>) }),
    stall({ items }) {
      stalled = readFrom(items as Source<typeof Data>);
    },
    async resume() {
      let bytes = 0;
      for await (const item of stalled ?? []) bytes += item.length;
      return { bytes };
    },
    drop() {
      void stalled?.cancel();
      stalled = undefined;
    },
    same: ({ items }) => ({ items: items && give(items) }),
  });
}
