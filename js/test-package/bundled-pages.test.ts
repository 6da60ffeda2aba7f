import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../test-readme/newcomer.js";
import { chromium, type OpenBrowser } from "./browsers.js";
import { EXPECTED } from "./exercise.mjs";
import { Site } from "./site.js";
import { made, pinned, Project, UploadServer } from "./support.js";

const REPORTING = (to = "") =>
  `.catch((error) => String(error) + error.stack).then((text) => fetch("${to}/report", { method: "POST", body: text, mode: "no-cors" }));`;

const STREAMING = (server: string, to?: string) => `
import { connect, readable, writable } from "capstan";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";
exercise({ connect, readable, writable }, schema, ${JSON.stringify(server)})${REPORTING(to)}
`;
const STARTING = `new Worker(new URL("./worker.js", import.meta.url), { type: "module" });`;
const READING = `
import { decode, encode, encodePacked, init, read, release } from "capstan";
import { Files } from "./files.capnp.js";
async function report() {
  await init();
  const Params = Files.$.methods[0].params();
  const view = read(Params, encode(Params, { name: "a.bin" }));
  const found = view.name + " " + decode(Params, encodePacked(Params, { name: "b.bin" }), { packed: true }).name;
  release(view);
  return found;
}
report()${REPORTING()}
`;
/** Its module imports what the standard schemas have been compiled to. */
const STATION = `@0xd0b7c1a92e5f4836;
using import "/capstan/sinks.capnp".Source;
using import "/capnp/compat/http-over-capnp.capnp".HttpService;
interface Station { report @0 (readings :Source(Text)) -> (count :UInt32, service :HttpService); }
`;
const ENTRIES = `
import { connectPort, give, init, serve, Text } from "capstan";
import { httpClient, serveHttp } from "capstan/http";
import { openSink, readFrom } from "capstan/sinks";
import { Station } from "./station.capnp.js";
async function report() {
  await init();
  const station = serve(Station, {
    async report({ readings }) {
      let count = 0;
      for await (const _ of readFrom(readings)) count++;
      return { count, service: give(serveHttp((request) => new Response(request.url))) };
    },
  });
  const { port1, port2 } = new MessageChannel();
  const [, connection] = await Promise.all([connectPort(port1, { bootstrap: station }), connectPort(port2)]);
  const { source, stream } = await openSink(Text);
  const reported = connection.bootstrap(Station).report({ readings: source });
  const writer = stream.getWriter();
  for (const reading of ["18", "22"]) await writer.write(reading);
  await writer.close();
  const { count, service } = await reported;
  const response = await httpClient(service)("/answer");
  return count + " " + await response.text();
}
report()${REPORTING()}
`;
const page = (script: string) =>
  `<!doctype html><html lang="en"><title>test</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script></html>`;

const ESBUILD = `
import { build } from "esbuild";
import capstan from "capstan/esbuild";
await build({ entryPoints: ["main.js"], outdir: "esbuild", bundle: true, format: "esm", plugins: [capstan()] });
`;
const ROLLUP = `
import { rollup } from "rollup";
import resolve from "@rollup/plugin-node-resolve";
import capstan from "capstan/rollup";
const bundle = await rollup({ input: "main.js", plugins: [resolve({ browser: true }), capstan()] });
await bundle.write({ dir: "rollup" });
`;

/** Of the last major version whose development server has esbuild prepare packages. */
const VITE_7 = `
import { createServer } from "vite-7";
import capstan from "capstan/vite";
const server = await createServer({ configFile: false, cacheDir: ".vite-7", plugins: [capstan()], server: { host: "127.0.0.1", port: Number(process.argv[2]) } });
await server.listen();
`;

/** What makes of main.js a script or a page in a directory of its own. */
const BUNDLERS: Record<string, string> = {
  vite: "node_modules/.bin/vite build --base /vite/ --outDir vite",
  esbuild: "node esbuild.mjs",
  rollup: "node rollup.mjs",
  webpack: "node_modules/.bin/webpack --entry ./main.js --mode production --output-path webpack",
  parcel: "node_modules/.bin/parcel build parcel.html --dist-dir parcel --no-cache --no-source-maps",
};

let project: Project;
let server: UploadServer;
let site: Site;
let browser: OpenBrowser;

beforeAll(async () => {
  server = await UploadServer.start(made.page());
  project = await Project.create(
    { "esbuild.mjs": ESBUILD, "rollup.mjs": ROLLUP, "vite-7.mjs": VITE_7, "station.capnp": STATION, "index.html": page("./main.js") },
    [...(await Promise.all(["vite", "esbuild", "rollup", "webpack"].map(pinned))), "webpack-cli@6.0.1", "@rollup/plugin-node-resolve@16.0.3", "parcel@2.16.4", "vite-7@npm:vite@7.3.8"],
  );
  await project.take("js/test-package/exercise.mjs", "exercise.mjs");
  await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
  await project.run("npx", "capstan", "compile", "-o", "js", "station.capnp");
  site = await Site.start(project.dir);
  browser = await chromium.open(`${site.url}/tour`);
});

afterAll(async () => {
  await browser?.close();
  await site?.stop();
  await server?.stop();
  await project?.remove();
});

/** Of the two modules, what a page uses brings the one it needs, and no other. */
describe.each([
  ["streams", () => STREAMING(server.rpcUrl), EXPECTED],
  ["reads messages", () => READING, "a.bin b.bin"],
  ["has sinks and HTTP", () => ENTRIES, "2 http://localhost/answer"],
])("a page that %s finds its WebAssembly in Chromium, bundled", (_what, main, expected) => {
  test.each(Object.entries(BUNDLERS))("by %s", async (bundler, line) => {
    await project.write({ "main.js": main(), "parcel.html": page("./main.js") });
    await mkdir(join(project.dir, bundler), { recursive: true });
    await project.shell(line);
    if (bundler === "parcel") {
      // It makes pages, for the root of a server.
      await cp(join(project.dir, "parcel"), project.dir, { recursive: true });
    } else if (bundler !== "vite") {
      await project.write({ [`${bundler}/index.html`]: page("main.js") });
    }
    const { report, asked } = await site.visit(bundler === "parcel" ? "/parcel.html" : `/${bundler}/`);
    expect(report).toBe(expected);
    const place = bundler === "parcel" ? "/" : `/${bundler}/`;
    expect(asked.filter((path) => path.endsWith(".wasm"))).toEqual([expect.stringMatching(new RegExp(`^${place}`))]);
  });
});

test("a worker in a page from Parcel finds its WebAssembly", async () => {
  await project.write({ "worker.js": STREAMING(server.rpcUrl), "main.js": STARTING, "parcel.html": page("./main.js") });
  await project.shell(BUNDLERS.parcel as string);
  await cp(join(project.dir, "parcel"), project.dir, { recursive: true });
  expect((await site.visit("/parcel.html")).report).toBe(EXPECTED);
});

describe.each([
  ["Parcel's development server", "parcel.html", "node_modules/.bin/parcel parcel.html --dist-dir dev --cache-dir .dev-cache --port"],
  ["Vite 7's development server, told by capstan/vite", "index.html", "node vite-7.mjs"],
])("%s", (_name, file, line) => {
  test.each(["a page", "a worker"])("serves %s its WebAssembly", async (place) => {
    const streaming = STREAMING(server.rpcUrl, site.url);
    await project.write({ "worker.js": streaming, "main.js": place === "a page" ? streaming : STARTING, [file]: page("./main.js") });
    const port = await freePort();
    // A group of its own: the programs behind these names start others.
    const child = spawn("sh", ["-c", `${line} ${port}`], { cwd: project.dir, stdio: "ignore", detached: true });
    try {
      const url = `http://127.0.0.1:${port}/`;
      await expect.poll(() => fetch(url).then(({ ok }) => ok, () => false), { timeout: 60_000 }).toBe(true);
      expect((await site.visit(url)).report).toBe(EXPECTED);
    } finally {
      const ended = once(child, "exit");
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await ended;
    }
  });
});
