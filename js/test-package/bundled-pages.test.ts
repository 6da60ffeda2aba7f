import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromium, type OpenBrowser } from "./browsers.js";
import { EXPECTED } from "./exercise.mjs";
import { Site } from "./site.js";
import { made, pinned, Project, UploadServer } from "./support.js";

const REPORTING = `.catch((error) => String(error) + error.stack).then((text) => fetch("/report", { method: "POST", body: text }));`;

const STREAMING = (server: string) => `
import { connect, readable, writable } from "capstan";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";
exercise({ connect, readable, writable }, schema, ${JSON.stringify(server)})${REPORTING}
`;
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
report()${REPORTING}
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
    { "esbuild.mjs": ESBUILD, "rollup.mjs": ROLLUP, "index.html": page("./main.js") },
    [...(await Promise.all(["vite", "esbuild", "rollup", "webpack"].map(pinned))), "webpack-cli@6.0.1", "@rollup/plugin-node-resolve@16.0.3", "parcel@2.16.4"],
  );
  await project.take("js/test-package/exercise.mjs", "exercise.mjs");
  await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
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
