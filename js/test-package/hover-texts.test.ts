import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pinned, Project } from "./support.js";

/* What an editor shows of the main exports: the declarations of the packed tarball, with their comments. */

const SCHEMA = `@0xb9f2a6d07c1e8435;
interface ByteSink { write @0 (chunk :Data) -> stream; end @1 () -> (total :UInt64); }
interface Files {
  create @0 (name :Text, size :UInt64) -> (sink :ByteSink, handle :Handle);
  list @1 () -> (entries :List(Entry));
  read @2 (handle :Handle, into :ByteSink) -> ();
  struct Entry { name @0 :Text; size @1 :UInt64; }
  interface Handle {}
}
struct Person {
  name @0 :Text;
  phones @1 :List(Phone);
  struct Phone { number @0 :Text; kind @1 :Kind; enum Kind { mobile @0; home @1; work @2; } }
}
`;
const LOG = `@0xa1d3c5e7f9b20468;
using import "/capstan/sinks.capnp".Sink;
using import "/capstan/sinks.capnp".Source;
interface Log { follow @0 (lines :Source(Text)) -> (); tail @1 (into :Sink(Text)) -> (); }
`;
/** What examples have around them. */
const AROUND = `
import { accept, build, connect, decode, encode, fromWritable, init, read, readable, serve, source, Text, writable, type WebSocketLike } from "capstan";
import { openSink, openSource } from "capstan/sinks";
import { ByteSink, Files, Person } from "./files.capnp.js";
import { Log } from "./log.capnp.js";
declare const files: Files;
declare const handle: Files.Handle;
declare const log: Log;
declare const file: File;
declare const packedBytes: Uint8Array;
declare function draw(chunk: Uint8Array): void;
declare function open(name: string, size: bigint): Promise<WritableStream<Uint8Array>>;
declare class MyFiles implements Partial<Files.Server> {}
declare const sockets: { on(event: "connection", listener: (socket: WebSocketLike) => void): void };
`;
const TSCONFIG = JSON.stringify({
  compilerOptions: { target: "ES2022", module: "NodeNext", strict: true, noEmit: true, lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], types: ["node"] },
  include: ["example*.ts"],
});
const MAIN = ["accept", "build", "connect", "decode", "encode", "fromWritable", "init", "openSink", "openSource", "read", "readable", "serve", "source", "writable"];
/** These never fail by themselves. */
const SAFE = ["build", "fromWritable", "readable"];

let project: Project;
/** The comments of exported functions, by name; those of overloads one after the other, "@" between them. */
let comments: Map<string, string>;

beforeAll(async () => {
  project = await Project.create({ "files.capnp": SCHEMA, "log.capnp": LOG, "tsconfig.json": TSCONFIG }, [await pinned("typescript"), await pinned("@types/node")]);
  await project.run("npx", "capstan", "compile", "-o", "ts", "files.capnp", "log.capnp");
  comments = await commentsIn(join(project.dir, "node_modules/capstan/dist"));
});
afterAll(() => project?.remove());

async function commentsIn(dir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(dir, { recursive: true })) {
    if (!name.endsWith(".d.ts") || /^(messages|aided|messages-aided)\.d\.ts$/.test(name)) continue;
    const text = await readFile(join(dir, name), "utf8");
    for (const [, comment, declared] of text.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*export declare function (\w+)/g)) {
      found.set(declared as string, `${found.get(declared as string) ?? ""}\n@ ${comment}`);
    }
  }
  return found;
}

function examplesOf(comment: string): string[] {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  const examples: string[][] = [];
  let current: string[] | undefined;
  for (const line of lines) {
    if (line.startsWith("@")) current = undefined;
    if (line.startsWith("@example")) examples.push((current = []));
    else current?.push(line);
  }
  return examples.map((each) => each.join("\n"));
}

test.each(MAIN)("%s has an example, and says what it throws", (name) => {
  const comment = comments.get(name) ?? "";
  expect(examplesOf(comment).join("")).toContain(`${name}(`);
  if (!SAFE.includes(name)) expect(comment).toContain("@throws");
});

test("the examples agree with the types", async () => {
  let count = 0;
  for (const [name, comment] of comments) {
    for (const example of examplesOf(comment)) {
      // Of what is made elsewhere, where an example does not make it.
      const bytes = /const bytes\b|: bytes\b/.test(example) ? "" : "declare const bytes: Uint8Array;\n";
      await project.write({ [`example-${name}-${count++}.ts`]: `${AROUND}${bytes}export async function example() {\n${example}\n}\n` });
    }
  }
  expect(count).toBeGreaterThanOrEqual(MAIN.length);
  await project.run("npx", "tsc", "-p", ".");
  await project.write({ "example-wrong.ts": `${AROUND}connect(1);\n` });
  expect((await project.attempt("npx", "tsc", "-p", ".")).output).toContain("example-wrong.ts");
});
