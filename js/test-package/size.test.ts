import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Project, repository } from "./support.js";

const SCHEMA = `@0xe1c8b4f05a3d9672;
interface ByteSink { write @0 (chunk :Data) -> stream; end @1 () -> (total :UInt64); }
interface Files { create @0 (name :Text, size :UInt64) -> (sink :ByteSink); }
`;
const CLIENT = `
import { connect, writable } from "capstan";
import { Files } from "./files.capnp.js";
const conn = await connect("/rpc");
export async function upload(file) {
  const { sink } = conn.bootstrap(Files).create({ name: file.name, size: file.size });
  await file.stream().pipeTo(writable(sink));
}
`;

/** What a page loads that streams to a server: compressed WebAssembly and JavaScript. */
const BUDGET_BYTES = 104 * 1024;

/** What a page loads to compile schemas. */
const COMPILER_BUDGET_BYTES = 330 * 1024;

describe("what a user's bundler makes of the package", () => {
  let project: Project;

  beforeAll(async () => {
    project = await Project.create({ "files.capnp": SCHEMA, "client.js": CLIENT });
    await project.run("npx", "capstan", "compile", "-o", "js", "files.capnp");
  });
  afterAll(() => project?.remove());

  async function bundled(contents: string): Promise<{ code: string; bytes: number }> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project.dir },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      legalComments: "none",
    });
    const code = outputFiles[0]?.text ?? "";
    return { code, bytes: brotliCompressSync(code).length };
  }

  test("stays within the budget for a client that streams", async () => {
    const { code, bytes } = await bundled(`export * from "./client.js";`);
    const wasm = brotliCompressSync(await readFile(join(project.dir, "node_modules/capstan/wasm/capstan_web_bg.wasm"))).length;
    console.log(`a streaming client: ${wasm} bytes of WebAssembly, ${bytes} of JavaScript, brotli`);
    expect(wasm + bytes).toBeLessThanOrEqual(BUDGET_BYTES);
    // What it does not use is not there: serving, ports, sources, views, run-time schemas, JSON.
    for (const words of ["there is no JSON for", "is not implemented by this object", "the worker could not start", "canceled the stream", "was collected without"]) {
      expect(code).not.toContain(words);
    }
  });

  test("is as small as the README says", async () => {
    const readme = await readFile(join(repository, "README.md"), "utf8");
    expect(readme).toContain(`at most ${BUDGET_BYTES / 1024} KiB after brotli`);
    expect(readme).toContain(`another ${COMPILER_BUDGET_BYTES / 1024} KiB`);
  });

  test("stays within the budget for the compiler", async () => {
    const bytes = brotliCompressSync(await readFile(join(project.dir, "node_modules/capstan/wasm-compiler/capstan_compiler_bg.wasm"))).length;
    console.log(`the compiler: ${bytes} bytes of WebAssembly, brotli`);
    expect(bytes).toBeLessThanOrEqual(COMPILER_BUDGET_BYTES);
  });

  test("holds all of it where all is used", async () => {
    const { code } = await bundled(`export * from "capstan";`);
    for (const words of ["there is no JSON for", "is not implemented by this object", "the worker could not start", "canceled the stream", "was collected without"]) {
      expect(code).toContain(words);
    }
  });
});
