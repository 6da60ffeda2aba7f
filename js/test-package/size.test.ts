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

const READER = `
import { build, decode, encode, encodePacked, init, read, release } from "capstan";
export { build, decode, encode, encodePacked, init, read, release };
`;
const DECODER = `export { decode, encode, encodePacked, init } from "capstan";`;

/** A KB is 1000 bytes, in the README as here: whoever reads it as 1024 is promised less than there is. */
const KB = 1000;

/** What a page loads that streams to a server: compressed WebAssembly and JavaScript. It must never be 100 KB. */
const BUDGET_BYTES = 93 * KB;

/** What a page without connections loads that decodes and encodes messages, packed or not. */
const MESSAGES_BUDGET_BYTES = 39 * KB;

/** And one that also reads and builds them a field at a time. It must never be more. */
const VIEWS_BUDGET_BYTES = 45 * KB;

/** What a page loads to compile schemas. */
const COMPILER_BUDGET_BYTES = 325 * KB;

describe("what a user's bundler makes of the package", () => {
  let project: Project;

  beforeAll(async () => {
    project = await Project.create({ "files.capnp": SCHEMA, "client.js": CLIENT });
    await project.run("npx", "capstan", "compile", "-o", "js", "files.capnp");
  });
  afterAll(() => project?.remove());

  async function bundled(contents: string, conditions?: string[]): Promise<{ code: string; bytes: number }> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project.dir },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      legalComments: "none",
      ...(conditions && { conditions }),
    });
    const code = outputFiles[0]?.text ?? "";
    return { code, bytes: brotliCompressSync(code).length };
  }

  const wasmBytes = async (path: string) => brotliCompressSync(await readFile(join(project.dir, "node_modules/capstan", path))).length;

  test("stays within the budget for a client that streams", async () => {
    const { code, bytes } = await bundled(`export * from "./client.js";`);
    const wasm = await wasmBytes("wasm/capstan_web_bg.wasm");
    console.log(`a streaming client: ${wasm} bytes of WebAssembly, ${bytes} of JavaScript, brotli`);
    expect(wasm + bytes).toBeLessThanOrEqual(BUDGET_BYTES);
    // What it does not use is not there: the other module, serving, ports, sources, views, run-time schemas, JSON.
    for (const words of ["capstan_messages_bg.wasm", "there is no JSON for", "is not implemented by this object", "the worker could not start", "canceled the stream", "was collected without", "did you mean"]) {
      expect(code).not.toContain(words);
    }
  });

  test.each([
    ["decodes and encodes", DECODER, MESSAGES_BUDGET_BYTES],
    ["reads and builds", READER, VIEWS_BUDGET_BYTES],
    ["takes the entry for messages", DECODER.replace('"capstan"', '"capstan/messages"'), MESSAGES_BUDGET_BYTES],
    ["reads and builds by the entry for messages", READER.replace('"capstan"', '"capstan/messages"'), VIEWS_BUDGET_BYTES],
  ])("stays within the budget for a page without connections that %s", async (what, page, budget) => {
    const { code, bytes } = await bundled(page);
    const wasm = await wasmBytes("wasm-messages/capstan_messages_bg.wasm");
    console.log(`a page that ${what}: ${wasm} bytes of WebAssembly, ${bytes} of JavaScript, brotli`);
    expect(wasm + bytes).toBeLessThanOrEqual(budget);
    expect(code).toContain("capstan_messages_bg.wasm");
    expect(code).not.toContain("capstan_web_bg.wasm");
  });

  test.each(["capstan", "capstan/messages"])("has nothing of what helps to find mistakes elsewhere, from %s", async (entry) => {
    const page = READER.replaceAll('"capstan"', JSON.stringify(entry));
    for (const conditions of [undefined, [], ["production"], ["development"]]) expect((await bundled(page, conditions)).code).not.toContain("did you mean");
  });

  test("is as small as the README says", async () => {
    const readme = await readFile(join(repository, "README.md"), "utf8");
    expect(readme).toContain(`at most ${BUDGET_BYTES / KB} KB (of 1000 bytes) after brotli`);
    expect(readme).toContain(`at most ${MESSAGES_BUDGET_BYTES / KB} KB where`);
    expect(readme).toContain(`${VIEWS_BUDGET_BYTES / KB} KB with`);
    expect(readme).toContain(`another ${COMPILER_BUDGET_BYTES / KB} KB`);
  });

  test("stays within the budget for the compiler", async () => {
    const bytes = await wasmBytes("wasm-compiler/capstan_compiler_bg.wasm");
    console.log(`the compiler: ${bytes} bytes of WebAssembly, brotli`);
    expect(bytes).toBeLessThanOrEqual(COMPILER_BUDGET_BYTES);
  });

  test("holds all of it where all is used", async () => {
    const { code } = await bundled(`export * from "capstan";`);
    for (const words of ["capstan_web_bg.wasm", "capstan_messages_bg.wasm", "there is no JSON for", "is not implemented by this object", "the worker could not start", "canceled the stream", "was collected without"]) {
      expect(code).toContain(words);
    }
  });
});
