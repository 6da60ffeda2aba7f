import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, pinned, Project, sampleFile, UploadServer } from "./support.js";

const SEND = `
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { connect, writable } from "capstan";
import { Files } from "./files.capnp.js";

const [url, path] = process.argv.slice(2);
const file = await openAsBlob(path);
const conn = await connect(url);
try {
  const { sink } = conn.bootstrap(Files).create({ name: basename(path), size: file.size });
  await file.stream().pipeTo(writable(sink));
} finally {
  await conn.close();
}
console.log("sent");
`;

describe("the tarball in a plain Node project", () => {
  let project: Project;
  let server: UploadServer;

  beforeAll(async () => {
    project = await Project.create({ "send.mjs": SEND });
    await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
    server = await UploadServer.start(made.page());
  });

  afterAll(async () => {
    await server?.stop();
    await project?.remove();
  });

  test("can be required where Node requires modules, and is what is imported", async () => {
    const script = `const capstan = require("capstan"); import("capstan").then(({ connect }) => console.log(capstan.connect === connect, typeof require("capstan/sinks").openSink));`;
    expect(await project.run("node", "--no-warnings", "--input-type=commonjs", "-e", script)).toBe("true function\n");
  });

  test("streams a file to the Rust server and ends by itself", async () => {
    const sample = await sampleFile(project.dir, "from-node.bin", 3_000_001);
    expect(await project.run("node", "send.mjs", server.rpcUrl, sample.path)).toContain("sent");
    expect(await server.outcome(sample.name)).toMatchObject({ event: "upload_done", bytes: sample.size, sha256: sample.sha256 });
  });

  test("an address where nothing listens is an error that names it, not a hang", async () => {
    const sample = await sampleFile(project.dir, "nowhere.bin", 10);
    // Port 1 of the loopback address: reserved, and nobody listens there.
    const { status, output } = await project.attempt("node", "send.mjs", "ws://127.0.0.1:1/rpc", sample.path);
    expect(status).not.toBe(0);
    expect(output).toContain("ws://127.0.0.1:1/rpc");
  });

  test("a wrong path on the server is an error that names it", async () => {
    const sample = await sampleFile(project.dir, "wrong-path.bin", 10);
    const wrong = server.rpcUrl.replace("/rpc", "/no-such-path");
    const { status, output } = await project.attempt("node", "send.mjs", wrong, sample.path);
    expect(status).not.toBe(0);
    expect(output).toContain("/no-such-path");
  });

  test("its types satisfy a strict TypeScript project", async () => {
    await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", await pinned("typescript"));
    await project.take("examples-web/upload/src/files.capnp.ts", "files.capnp.ts");
    await project.write({
      "typed.ts": `
import { connect, writable } from "capstan";
import { Files } from "./files.capnp.js";
export async function send(url: string, name: string, bytes: Uint8Array): Promise<bigint> {
  const conn = await connect(url);
  const { sink } = conn.bootstrap(Files).create({ name, size: bytes.length });
  await sink.write({ chunk: bytes });
  const stream: WritableStream<Uint8Array> = writable(sink);
  await stream.abort();
  const { total } = await sink.end();
  return total;
}
// @ts-expect-error: the schema has no such method.
export const wrong = async (url: string) => (await connect(url)).bootstrap(Files).crate({});
`,
    });
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--types", "", "typed.ts"];
    await project.run("npx", "tsc", "--target", "es2022", "--lib", "es2023,dom", "--module", "nodenext", ...strict);
    await project.run("npx", "tsc", "--target", "es2022", "--lib", "es2023,dom", "--module", "esnext", "--moduleResolution", "bundler", ...strict);
  });
});
