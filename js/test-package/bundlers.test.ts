import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinned, Project } from "./support.js";

const PERSON = `@0xbf5147cb7f2b6e11;
using Phone = import "parts/phone.capnp".Phone;
struct Person { name @0 :Text; phones @1 :List(Phone); }
`;
const PHONE = `@0x9e1f3c5d7b2a4861;
struct Phone { number @0 :Text; }
`;
const MAIN = `
import { encode } from "capstan";
import { Person } from "./person.capnp";

const bytes: Uint8Array = encode(Person, { name: "Ada", phones: [{ number: "555" }] });
console.log(Buffer.from(bytes).toString("latin1").replace(/[^ -~]+/g, "|"), Object.keys(Person).join());
`;
const VITE = `
import capstan from "capstan/vite";
export default { plugins: [capstan()], logLevel: "warn" };
`;
const ROLLUP = `
import { rollup } from "rollup";
import capstan from "capstan/rollup";

const bundle = await rollup({ input: "main.js", plugins: [capstan()], external: /^capstan/ });
await bundle.write({ file: "out/rollup.mjs" });
`;
const ESBUILD = `
import { build } from "esbuild";
import capstan from "capstan/esbuild";

await build({
  entryPoints: [process.argv[2] ?? "main.ts"], outfile: "out/esbuild.mjs", bundle: true, format: "esm", platform: "node", packages: "external",
  plugins: [capstan()], logLevel: "error",
});
`;
const WEBPACK = `
import { promisify } from "node:util";
import webpack from "webpack";
import capstan from "capstan/webpack";

const stats = await promisify(webpack)({
  entry: "./main.js", mode: "development", devtool: false, target: "node", plugins: [capstan()],
  experiments: { outputModule: true }, externals: /^capstan/, externalsType: "module",
  output: { path: import.meta.dirname + "/out", filename: "webpack.mjs", module: true, library: { type: "module" } },
});
if (stats.hasErrors()) throw new Error(stats.toString());
`;
/** Serves, changes the imported schema, and serves again. */
const CHANGE = `
import { once } from "node:events";
import { appendFile } from "node:fs/promises";
import { createServer } from "vite";

const server = await createServer({ server: { middlewareMode: true } });
console.log("prepared", server.config.optimizeDeps.include.join());
const keys = async () => Object.keys(await server.ssrLoadModule("/parts/phone.capnp")).join();
console.log("before", await keys());
const changed = once(server.watcher, "change");
await appendFile("parts/phone.capnp", "struct Fax { number @0 :Text; }\\n");
await changed;
for (let tries = 0; (await keys()) === "Phone" && tries < 100; tries++) await new Promise((next) => setTimeout(next, 50));
console.log("after", await keys());
await server.close();
`;
const TSCONFIG = JSON.stringify({
  compilerOptions: { strict: true, module: "esnext", moduleResolution: "bundler", target: "es2022", lib: ["es2023", "dom"], types: ["node"], noEmit: true },
  files: ["main.ts"],
});

describe("schemas imported as modules, in an empty project", () => {
  let project: Project;

  beforeAll(async () => {
    project = await Project.create(
      {
        "person.capnp": PERSON,
        "main.ts": MAIN,
        "main.js": MAIN.replace("bytes: Uint8Array", "bytes"),
        "vite.config.js": VITE,
        "rollup.mjs": ROLLUP,
        "esbuild.mjs": ESBUILD,
        "webpack.mjs": WEBPACK,
        "change.mjs": CHANGE,
        "tsconfig.json": TSCONFIG,
      },
      await Promise.all(["vite", "rollup", "esbuild", "webpack", "typescript", "@types/node"].map(pinned)),
    );
    await mkdir(join(project.dir, "parts"));
    await writeFile(join(project.dir, "parts/phone.capnp"), PHONE);
  });

  afterAll(() => project?.remove());

  const expected = /\|Ada\|.*\|555\| \$\n$/;

  test("Vite builds them, and its server notices changes of imported schemas", async () => {
    await project.run("npx", "vite", "build", "--ssr", "main.ts", "--outDir", "out/vite");
    expect(await project.run("node", "out/vite/main.js")).toMatch(expected);
    const output = await project.run("node", "change.mjs");
    expect(output).toContain("prepared capstan/codegen/v1\n");
    expect(output).toContain("before Phone\n");
    expect(output).toContain("after Phone,Fax\n");
    await writeFile(join(project.dir, "parts/phone.capnp"), PHONE);
  });

  test.each(["rollup", "esbuild", "webpack"])("%s builds them", async (bundler) => {
    await project.run("node", `${bundler}.mjs`);
    expect(await project.run("node", `out/${bundler}.mjs`)).toMatch(expected);
  });

  test("TypeScript finds the types that were kept beside them", async () => {
    await project.run("node", "esbuild.mjs");
    expect(await readFile(join(project.dir, "person.capnp.d.ts"), "utf8")).toContain("interface Person");
    await project.run("npx", "tsc");
  });

  test("a schema with an error fails the build and shows the place, from where the bundler runs", async () => {
    await project.write({ "parts/bad.capnp": "@0xbf5147cb7f2b6e12;\nstruct Bad { name @0 :Txt; }\n", "bad.js": 'import "./parts/bad.capnp";' });
    await expect(project.run("node", "esbuild.mjs", "bad.js")).rejects.toThrow(/\bparts\/bad\.capnp:2:23-26: error: .*Txt/);
    await project.write({ "index.html": '<script type="module" src="/bad.js"></script>' });
    const shown = await project.run("npx", "vite", "build", "--outDir", "out/bad").then(
      () => "built",
      (error: unknown) => String(error),
    );
    expect(shown).toMatch(/\bparts\/bad\.capnp:2:23-26: error: .*Txt/);
    expect(shown).toContain("did you mean 'Text'?");
    // Where the compiler was called from is of no use to who wrote the schema.
    expect(shown).not.toContain("dist/bundlers/compile.js");
  });
});
