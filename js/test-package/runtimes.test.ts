import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXPECTED } from "./exercise.mjs";
import { made, Project, repository, UploadServer } from "./support.js";

const SCRIPT = (entry: string) => `
import * as capstan from "${entry}";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";
console.log(await exercise(capstan, schema, process.argv[2]));
`;
const COMPILE = `
import { decode, encode } from "capstan";
import { compile } from "capstan/compiler";
const schema = await compile({ "point.capnp": "@0xe1b2c3d4a5f60718; struct Point { x @0 :Int32; y @1 :Int32; }" });
const Point = schema.struct("Point");
console.log("compiled", decode(Point, encode(Point, { x: 3 })).x);
`;
const MESSAGES = `
import { decode, encode, encodePacked, init, read, release } from "capstan/messages";
import { Files } from "./files.capnp.js";
await init();
const { params } = Object.values(Files.$.methods).find(({ name }) => name === "create");
const bytes = encode(params(), { name: "a.bin", size: 7n });
const view = read(params(), bytes);
console.log("read", view.name, decode(params(), encodePacked(params(), { name: "b.bin" }), { packed: true }).name);
release(view);
`;
const CONSOLE = (entry: string) => `
import { build, encode, init, read } from "${entry}";
import { Files } from "./files.capnp.js";
await init();
const type = Object.values(Files.$.methods).find(({ name }) => name === "create").params();
console.log({ view: read(type, encode(type, { name: "a.bin", size: 7n })) });
const attempt = (mistake) => {
  try {
    mistake();
  } catch (error) {
    console.log(error.message);
  }
};
attempt(() => encode(type, { nmae: "a.bin" }));
attempt(() => (build(type).nmae = "a.bin"));
`;
const WORKER = `
import * as capstan from "capstan";
import { compile } from "capstan/compiler";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";

export default {
  async fetch(request) {
    try {
      const server = new URL(request.url).searchParams.get("server");
      if (server !== null) return new Response(await exercise(capstan, schema, server));
      const point = await compile({ "point.capnp": "@0xe1b2c3d4a5f60718; struct Point { x @0 :Int32; }" });
      return new Response("compiled " + point.struct("Point").$.name);
    } catch (error) {
      return new Response(String(error.stack), { status: 500 });
    }
  },
};
`;
const WORKERD = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["local", "private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "./capstan_web_bg.wasm", wasm = embed "node_modules/capstan/wasm/capstan_web_bg.wasm"),
    (name = "./capstan_messages_bg.wasm", wasm = embed "node_modules/capstan/wasm-messages/capstan_messages_bg.wasm"),
    (name = "./capstan_compiler_bg.wasm", wasm = embed "node_modules/capstan/wasm-compiler/capstan_compiler_bg.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);
`;

const program = (name: string) => join(repository, "node_modules/.bin", name);

let project: Project;
let server: UploadServer;

beforeAll(async () => {
  project = await Project.create({
    "run.mjs": SCRIPT("capstan"),
    "inline.mjs": SCRIPT("capstan/inline"),
    "compile.mjs": COMPILE,
    "messages.mjs": MESSAGES,
    "console.mjs": CONSOLE("capstan"),
    "messages-console.mjs": CONSOLE("capstan/messages"),
  });
  await project.take("js/test-package/exercise.mjs", "exercise.mjs");
  await project.take("examples-web/upload/files.capnp.js", "files.capnp.js");
  server = await UploadServer.start(made.page());
});

afterAll(async () => {
  await server?.stop();
  await project?.remove();
});

describe.each([
  ["Node", [process.execPath]],
  ["Deno", [program("deno"), "run", "--no-prompt", "--no-lock", "--allow-net=127.0.0.1", "--allow-read"]],
  ["Bun", [program("bun")]],
] as const)("in %s", (_name, [command, ...args]) => {
  test.each(["run.mjs", "inline.mjs"])("%s calls, pipelines, serves, and streams both ways", async (script) => {
    expect(await project.run(command, ...args, script, server.rpcUrl)).toContain(EXPECTED);
  });

  test("messages need no connections", async () => {
    expect(await project.run(command, ...args, "messages.mjs")).toContain("read a.bin b.bin");
  });

  test.each(["console.mjs", "messages-console.mjs"])("%s shows views, and errors say which name was meant", async (script) => {
    const output = await project.run(command, ...args, script);
    expect(output.replaceAll(/["']/g, "")).toMatch(/view: Files\.create\$Params \{\s+name: a\.bin,\s+size: 7n,?\s+\}/);
    expect(output.match(/Files\.create\$Params has no field nmae; did you mean name\?/g)).toHaveLength(2);
  });

  test("schemas are compiled at run time", async () => {
    expect(await project.run(command, ...args, "compile.mjs")).toContain("compiled 3");
  });
});

describe("in Cloudflare Workers' workerd", () => {
  let url: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    // As wrangler does it: WebAssembly stays a module of its own, which workerd compiles.
    const { outputFiles } = await build({
      stdin: { contents: WORKER, resolveDir: project.dir },
      bundle: true,
      write: false,
      format: "esm",
      conditions: ["workerd", "worker", "browser"],
      plugins: [
        {
          name: "wasm",
          setup: ({ onResolve }) =>
            onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${path.split("/").at(-1)}`, external: true })),
        },
      ],
    });
    await project.write({ "worker.js": outputFiles[0]?.text ?? "", "config.capnp": WORKERD });
    const workerd = spawn(program("workerd"), ["serve", "config.capnp", "--control-fd=3"], {
      cwd: project.dir,
      stdio: ["ignore", "inherit", "inherit", "pipe"],
      // A group of its own: the program behind the name is a script that starts the real one.
      detached: true,
    });
    stop = async () => {
      const ended = once(workerd, "exit");
      if (workerd.pid !== undefined) process.kill(-workerd.pid, "SIGTERM");
      await ended;
    };
    const [line] = (await once(workerd.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
    url = `http://127.0.0.1:${(JSON.parse(line.toString().split("\n")[0] as string) as { port: number }).port}`;
  });

  afterAll(() => stop?.());

  test("a Worker calls, pipelines, serves, and streams both ways, in requests one after the other and at once", async () => {
    const ask = async () => (await fetch(`${url}/?server=${encodeURIComponent(server.rpcUrl)}`)).text();
    expect(await ask()).toBe(EXPECTED);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([EXPECTED, EXPECTED, EXPECTED]);
  });

  test("schemas are compiled at run time", async () => {
    expect(await (await fetch(url)).text()).toContain("compiled point.capnp:Point");
  });
});

describe("by the rules of packages", () => {
  test("publint finds nothing", async () => {
    await copyFile(made.tarball(), join(project.dir, "capstan.tgz"));
    expect(await project.run(program("publint"), "run", "capstan.tgz", "--strict")).toContain("All good!");
  });

  test("attw finds types for every entry", async () => {
    // Only for those that import: there is nothing to `require` here.
    // It fails when an entry has a problem.
    expect(await project.run(program("attw"), "capstan.tgz", "--profile", "esm-only", "--no-emoji")).toMatch(/"capstan\/inline"[^]*"capstan\/messages"/);
  });

  test("licences and changelog are inside", async () => {
    const listed = await project.run("tar", "-tzf", "capstan.tgz");
    for (const name of ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "README.md"]) expect(listed).toContain(`package/${name}\n`);
  });
});
