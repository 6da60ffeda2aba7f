import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltPage, openBuilt, pinned, Project } from "./support.js";

const SCHEMA = `@0xd1a9be5c0cf3a74e;

struct Sample { id @0 :UInt32; label @1 :Text; values @2 :List(Float64); blob @3 :Data; }
`;

const COUNT = 2000;

/** Writes a file of packed messages for the page to read. */
const MAKE = `
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { Readable, Writable } from "node:stream";
import { EncodeStream } from "capstan";
import { Sample } from "./sample.capnp.js";

await mkdir("public");
async function* samples() {
  for (let id = 0; id < ${COUNT}; id++) yield { id, label: "sample " + id, values: [id, 0, 0, 0.5], blob: new Uint8Array(id) };
}
await Readable.toWeb(Readable.from(samples()))
  .pipeThrough(new EncodeStream(Sample, { packed: true }))
  .pipeTo(Writable.toWeb(createWriteStream("public/samples.packed")));
`;

const MAIN = `
import { PackStream, readStream, UnpackStream } from "capstan";
import { Sample } from "./sample.capnp.js";

const fetched = async () => (await fetch("/samples.packed")).body;

/** Reads the file in one way or the other; adds up what is in it. */
window.sum = async (way) => {
  const body = await fetched();
  const messages = {
    "read packed": () => readStream(Sample, body, { packed: true }),
    "unpacked first": () => readStream(Sample, body.pipeThrough(new UnpackStream())),
    "there and back": () => readStream(Sample, body.pipeThrough(new UnpackStream()).pipeThrough(new PackStream()), { packed: true }),
  }[way]();
  let count = 0, ids = 0, values = 0, bytes = 0;
  for await (const { id, label, values: [first, , , last], blob } of messages) {
    if (label !== "sample " + id) throw new Error("the label of " + id + " is " + label);
    count++;
    ids += id;
    values += first + last;
    bytes += blob.length;
  }
  return { count, ids, values, bytes };
};

/** How much comes out of an endless bomb for ten chunks that are read, and how much was put in. */
window.bomb = async () => {
  let given = 0, largest = 0;
  let canceled;
  const source = new ReadableStream({
    pull(controller) {
      const chunk = new Uint8Array(65536);
      for (let i = 1; i < chunk.length; i += 2) chunk[i] = 255;
      controller.enqueue(chunk);
      given++;
    },
    cancel: (reason) => { canceled = reason; },
  }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new UnpackStream()).getReader();
  for (let i = 0; i < 10; i++) largest = Math.max(largest, (await reader.read()).value.length);
  await reader.cancel("enough");
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { given, largest, canceled };
};

window.cutShort = async () => {
  const bytes = new Uint8Array(await new Response(await fetched()).arrayBuffer());
  const cut = new Blob([bytes.subarray(0, bytes.length - 3)]).stream();
  let count = 0;
  try {
    for await (const _ of readStream(Sample, cut, { packed: true })) count++;
  } catch (error) {
    return { count, message: error.name + ": " + error.message };
  }
};
document.title = "ready";
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

declare global {
  interface Window {
    sum(way: string): Promise<Record<string, number>>;
    bomb(): Promise<{ given: number; largest: number; canceled: unknown }>;
    cutShort(): Promise<{ count: number; message: string }>;
  }
}

describe("streams of messages in Chromium", () => {
  let project: Project;
  let built: BuiltPage;
  let page: Page;

  beforeAll(async () => {
    project = await Project.create({ "sample.capnp": SCHEMA, "make.mjs": MAKE, "main.js": MAIN, "index.html": PAGE }, [await pinned("vite")]);
    await project.run("npx", "capstan", "compile", "-o", "js", "sample.capnp");
    await project.run("node", "make.mjs");
    built = await openBuilt(project);
    page = built.page;
  });

  afterAll(async () => {
    await built?.close();
    await project?.remove();
  });

  test.each(["read packed", "unpacked first", "there and back"])("a response's body, %s, without another word", async (way) => {
    const ids = (COUNT * (COUNT - 1)) / 2;
    expect(await page.evaluate((way) => window.sum(way), way)).toEqual({ count: COUNT, ids, values: ids + COUNT / 2, bytes: ids });
  });

  test("a bomb comes out in pieces as it is read, and cancelling reaches the source", async () => {
    const { given, largest, canceled } = await page.evaluate(() => window.bomb());
    // One is being unpacked, one waits in front of it.
    expect(given).toBeLessThanOrEqual(2);
    expect(largest).toBeLessThanOrEqual(72 * 1024);
    expect(canceled).toBe("enough");
  });

  test("a stream that ends too early fails behind its last whole message", async () => {
    const { count, message } = await page.evaluate(() => window.cutShort());
    expect(count).toBe(COUNT - 1);
    expect(message).toMatch(/^CapnpError: (the packed data ends .* after \d+ packed bytes|the stream ends after)/);
  });
});
