import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltPage, openBuilt, pinned, Project, repository } from "./support.js";

const MAIN = `
import { connect, Data, Text } from "capstan";
import { openSink, openSource, readFrom } from "capstan/sinks";
import { Depot } from "./depot.capnp.js";

window.run = async (url) => {
  const sockets = [];
  const Native = WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(...args) { super(...args); sockets.push(this); this.sent = 0; }
    send(data) { this.sent += data.byteLength; super.send(data); }
  };
  const connection = await connect(url);
  const depot = connection.bootstrap(Depot);

  const { source, stream } = await openSink(Text, { dedicated: connection });
  const put = depot.put({ name: "a", items: source });
  const writer = stream.getWriter();
  for (let n = 0; n < 1000; n++) await writer.write("item " + n);
  await writer.close();
  const { count } = await put;

  const { sink, stream: items } = await openSource(Text);
  const get = depot.get({ name: "a", into: sink });
  let last;
  let read = 0;
  for await (const item of items) { last = item; read++; }
  await get;

  const bulk = await openSink(Data, { dedicated: connection });
  await depot.stall({ items: bulk.source });
  const piping = new Blob([new Uint8Array(8 << 20)]).stream().pipeTo(bulk.stream);
  const { bytes } = await depot.resume();
  await piping;

  let taken = 0;
  for await (const item of readFrom(depot.take({ name: "a" }).items, { dedicated: connection })) taken += item.length > 0 ? 1 : 0;

  const sent = sockets.map(({ sent }) => sent);
  for (let i = 0; i < 200 && sockets.slice(1).some(({ readyState }) => readyState !== 3); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  const states = sockets.map(({ readyState }) => readyState);
  await connection.close();
  return { count, last, read, bytes: Number(bytes), taken, parent: sent[0], bulk: sent[2], states };
};
document.title = "ready";
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

declare global {
  interface Window {
    run(url: string): Promise<Record<string, unknown>>;
  }
}

describe("capstan/sinks of the packed tarball in Chromium", () => {
  let project: Project;
  let built: BuiltPage;
  let server: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const program = join(repository, "target/debug/examples/depot");
    server = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
    const failed = once(server, "error").then(([error]) =>
      Promise.reject(new Error(`${program} does not start; \`cargo build -p capstan-net --example depot\` makes it`, { cause: error })),
    );
    [url] = (await Promise.race([once(createInterface({ input: server.stdout as NodeJS.ReadableStream }), "line"), failed])) as [string];
    project = await Project.create(
      {
        "depot.capnp": await readFile(join(repository, "js/test/schemas/depot.capnp"), "utf8"),
        "main.js": MAIN,
        "index.html": PAGE,
        "vite.config.js": `export default { build: { target: "esnext" } };`,
      },
      [await pinned("vite")],
    );
    await project.run("npx", "capstan", "compile", "-o", "js", "depot.capnp");
    built = await openBuilt(project);
  });

  afterAll(async () => {
    await built?.close();
    server?.kill();
    await project?.remove();
  });

  test("streams both ways with a server in Rust, bulk data on sockets of its own that close behind it", async () => {
    const outcome = await built.page.evaluate((address) => window.run(address), url);
    expect(outcome).toMatchObject({ count: 1000, last: "item 999", read: 1000, bytes: 8 << 20, taken: 1000 });
    // The parent acknowledges a thousand items, and that is the most it has to send.
    expect(outcome.parent).toBeLessThan(200_000);
    expect(outcome.bulk).toBeGreaterThan(8 << 20);
    expect(outcome.states).toEqual([1, 3, 3, 3]);
  });
});
