import { cp, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UnreleasedClient } from "capstan";
import { chromium, firefox, type OpenBrowser, webkit } from "./browsers.js";
import { EXPECTED } from "./exercise.mjs";
import { Site } from "./site.js";
import { made, Project, UploadServer } from "./support.js";

const IMPORT_MAP = `<script type="importmap">
{ "imports": { "capstan": "/capstan/dist/index.js", "capstan/codegen/v1": "/capstan/dist/codegen/v1.js" } }
</script>`;

/** Reports what \`run\` resolves to, or why it did not. */
const REPORTING = (run: string) => `${run}.catch((error) => String(error) + error.stack).then((text) => fetch("/report", { method: "POST", body: text }));`;

/** A script of a page or a worker, from the package's entry. */
const SCRIPT = (entry: string, server: string) => `
import * as capstan from ${JSON.stringify(entry)};
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";
${REPORTING(`exercise(capstan, schema, ${JSON.stringify(server)})`)}
`;

const MESSAGES_IMPORT_MAP = `<script type="importmap">
{ "imports": { "capstan/messages": "/capstan/dist/messages.js", "capstan/codegen/v1": "/capstan/dist/codegen/v1.js" } }
</script>`;

/** Reads a packed message, of a type that needs no schema file. */
const MESSAGES = `
import { encodePacked, init, MessageBuilder, MessageReader, release, unpack } from "capstan/messages";
async function report() {
  await init();
  const builder = new MessageBuilder();
  const person = builder.root.initStruct(1, 1);
  person.setUint16(0, 1815);
  person.pointer(0).setText("Ada");
  const reader = new MessageReader(unpack(encodePacked(builder)));
  release(builder);
  const read = reader.root.struct();
  return read.pointer(0).text() + " " + read.getUint16(0);
}
${REPORTING("report()")}
`;

/** Keeps a client of the server's, then releases it; reports what the debug mode says before and after. */
const FORGETFUL = (server: string) => `
import { connect, release, trackClients } from "capstan";
import { Files } from "./files.capnp.js";
const tracking = trackClients();
async function forgetful(files) {
  const { sink } = await files.create({ name: "forgotten.bin", size: 1 });
  return sink;
}
async function report() {
  const connection = await connect(${JSON.stringify(server)});
  const sink = await forgetful(connection.bootstrap(Files));
  const before = tracking.unreleased();
  release(sink);
  const after = tracking.unreleased();
  await connection.close();
  return JSON.stringify({ before, after });
}
${REPORTING("report()")}
`;

const page = (...parts: string[]) => `<!doctype html><html lang="en"><title>test</title><link rel="icon" href="data:,">${parts.join("\n")}</html>`;
const script = (path: string) => `<script type="module" src="${path}"></script>`;

/** Reports that a worker has failed: without a message when its script could not be loaded. */
const FAILED = `(error) => fetch("/report", { method: "POST", body: "the worker failed: " + (error.message ?? "its script was not loaded") })`;

/**
 * Pages that start a worker, which reports. A dedicated one belongs to the page around the frame: of those that a frame
 * starts as soon as it is loaded, Chromium 156 drops some in a thousand, whatever their script is.
 */
const STARTERS = {
  dedicated: (path: string) => `new parent.Worker("${path}", { type: "module" }).onerror = ${FAILED};`,
  shared: (path: string) => `window.kept = new SharedWorker("${path}", { type: "module" }); kept.onerror = ${FAILED};`,
  service: (path: string) => `navigator.serviceWorker.register("${path}", { type: "module" }).catch(${FAILED});`,
};

let project: Project;
let server: UploadServer;

beforeAll(async () => {
  project = await Project.create({});
  await project.take("js/test-package/exercise.mjs", "exercise.mjs");
  await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
  server = await UploadServer.start(made.page());
  // Scripts as they are in the package, beside the page.
  await cp(join(project.dir, "node_modules/capstan"), join(project.dir, "capstan"), { recursive: true });
  await project.write({ "main.js": SCRIPT("capstan", server.rpcUrl), "index.html": page(IMPORT_MAP, script("/main.js")) });
  await project.write({ "forgetful.js": FORGETFUL(server.rpcUrl), "forgetful.html": page(IMPORT_MAP, script("/forgetful.js")) });
  // For workers, where import maps do not apply: one script, which finds its WebAssembly beside it or has it inside.
  for (const [name, entry] of [["fetching", "capstan"], ["inline", "capstan/inline"]] as const) {
    await mkdir(join(project.dir, name));
    await build({
      stdin: { contents: SCRIPT(entry, server.rpcUrl), resolveDir: project.dir },
      bundle: true,
      format: "esm",
      outfile: join(project.dir, name, "bundle.js"),
    });
    for (const [kind, start] of Object.entries(STARTERS)) {
      await project.write({ [`${name}/${kind}.html`]: page(`<script>${start(`/${name}/bundle.js`)}</script>`) });
    }
    await project.write({ [`${name}/index.html`]: page(script(`/${name}/bundle.js`)) });
  }
  for (const wasm of ["wasm/capstan_web_bg.wasm", "wasm-messages/capstan_messages_bg.wasm"]) {
    await cp(join(project.dir, "capstan", wasm), join(project.dir, "fetching", basename(wasm)));
  }
  await project.write({ "messages.js": MESSAGES, "messages.html": page(MESSAGES_IMPORT_MAP, script("/messages.js")) });
});

afterAll(async () => {
  await server?.stop();
  await project?.remove();
});

describe.each([chromium, firefox, webkit])("in $name", (kind) => {
  let site: Site;
  let browser: OpenBrowser;

  beforeAll(async () => {
    site = await Site.start(project.dir);
    browser = await kind.open(`${site.url}/tour`);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.stop();
  });

  test("without a bundler, by an import map, a page calls, pipelines, serves, and streams both ways", async () => {
    const { report, asked } = await site.visit("/");
    expect(report).toBe(EXPECTED);
    // All of the package is there, so all of it is loaded.
    const wasm = ["/capstan/wasm-messages/capstan_messages_bg.wasm", "/capstan/wasm/capstan_web_bg.wasm"];
    expect(asked.filter((path) => path.endsWith(".wasm")).sort()).toEqual(wasm);
  });

  test("a page without a connection loads what messages need", async () => {
    const { report, asked } = await site.visit("/messages.html");
    expect(report).toBe("Ada 1815");
    expect(asked.filter((path) => path.endsWith(".wasm"))).toEqual(["/capstan/wasm-messages/capstan_messages_bg.wasm"]);
    expect(asked).not.toContain("/capstan/dist/connection.js");
  });

  test("the debug mode names where a client was made that the page has not released", async () => {
    const { report } = await site.visit("/forgetful.html");
    const { before, after } = JSON.parse(report) as Record<"before" | "after", UnreleasedClient[]>;
    const place = /forgetful.*\/forgetful\.js:6/;
    const ofSinks = (clients: UnreleasedClient[]) => clients.filter(({ type }) => type === "ByteSink").map(({ madeAt }) => madeAt.split("\n")[0]);
    expect(ofSinks(before)).toEqual([expect.stringMatching(place)]);
    expect(ofSinks(after)).toEqual([]);
    expect(after).toHaveLength(before.length - 1);
  });

  test("a page that has the WebAssembly inside fetches none", async () => {
    const { report, asked } = await site.visit("/inline/");
    expect(report).toBe(EXPECTED);
    expect(asked.filter((path) => path.endsWith(".wasm"))).toEqual([]);
  });

  test.each(["dedicated", "shared", "service"])("a %s worker does the same, with WebAssembly beside it or inside", async (worker) => {
    const { report, asked } = await site.visit(`/fetching/${worker}.html`);
    expect(report).toBe(EXPECTED);
    expect(asked).toContain("/fetching/capstan_web_bg.wasm");
    expect((await site.visit(`/inline/${worker}.html`)).report).toBe(EXPECTED);
  });

  const policy = (scripts: string) => ({
    "Content-Security-Policy": `default-src 'none'; script-src 'self' ${scripts}; connect-src 'self' ${server.url.replace("http", "ws")}; img-src data:`,
  });

  test("a content security policy needs 'wasm-unsafe-eval', and nothing else", async () => {
    expect((await site.visit("/fetching/", policy("'wasm-unsafe-eval'"))).report).toBe(EXPECTED);
  });

  test("without it, the error names it, for WebAssembly that is fetched and that is carried", async () => {
    for (const path of ["/fetching/", "/inline/"]) {
      expect((await site.visit(path, policy(""))).report).toMatch(/content security policy allows 'wasm-unsafe-eval'/);
    }
  });
});
