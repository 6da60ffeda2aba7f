import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { made, Project, repository } from "./support.js";

type Files = Readonly<Record<string, string | Uint8Array>>;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Every file there is afterwards. */
  readonly files: Readonly<Record<string, string>>;
}

const ID = "@0xd4c9a1b7e6f20853;";

describe("`npx capstan` from the tarball", () => {
  let project: Project;

  beforeAll(async () => {
    project = await Project.create({});
  });

  afterAll(async () => {
    await project?.remove();
  });

  /** Runs the command among these files, as installed by npm and as built natively, and expects no difference. */
  function capstan(files: Files, ...args: string[]): Promise<Outcome> {
    return fed("", files, ...args);
  }

  /** The same with something on the standard input. */
  async function fed(input: string | Uint8Array, files: Files, ...args: string[]): Promise<Outcome> {
    const native = await runAmong(files, made.cli(), args, input);
    const outcome = await runAmong(files, installed(), args, input);
    expect(outcome).toEqual(native);
    return outcome;
  }

  /** What `npx capstan` starts, without the second that npx takes to find it. */
  const installed = () => join(project.dir, "node_modules/.bin/capstan");

  async function runAmong(files: Files, program: string, args: readonly string[], input: string | Uint8Array = ""): Promise<Outcome> {
    // The same directory for both: its name shows in some messages.
    const dir = join(project.dir, "here");
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), content, { mode: path.startsWith("bin/") ? 0o755 : 0o644 });
    }
    await mkdir(dir, { recursive: true });
    // npm speaks on stderr of settings it does not know.
    const env = { ...process.env, npm_config_loglevel: "error" };
    const child = spawn(program, args, { cwd: dir, stdio: ["pipe", "pipe", "pipe"], env });
    // Either may refuse the input before reading all of it.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close") as Promise<[number | null]>,
    ]);
    const outcome = { status, stdout, stderr, files: await tree(dir) };
    await rm(dir, { recursive: true });
    return outcome;
  }

  test("writes TypeScript beside the schema, unless told otherwise", async () => {
    const { status, stdout, stderr, files } = await capstan(
      { "src/a.capnp": `${ID} struct A { x @0 :Text; }` },
      "compile",
      "src/a.capnp",
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(Object.keys(files)).toEqual(["src/a.capnp", "src/a.capnp.ts"]);
    expect(files["src/a.capnp.ts"]).toContain("export interface A");
  });

  test("writes every language, where it is told to", async () => {
    const schema = await readFile(join(repository, "examples-web/upload/files.capnp"));
    const { status, files } = await capstan({ "sub/files.capnp": schema }, "compile", "-orust:gen", "-o", "js:gen", "-o", "ts", "sub/files.capnp");
    expect(status).toBe(0);
    expect(files["gen/sub/files_capnp.rs"]).toContain("pub mod byte_sink");
    for (const name of ["gen/sub/files.capnp.js", "gen/sub/files.capnp.d.ts", "sub/files.capnp.ts"]) expect(files[name]).toContain("ByteSink");
    const { files: shorter } = await capstan({ "sub/files.capnp": schema }, "compile", "--src-prefix=sub", "sub/files.capnp");
    expect(Object.keys(shorter)).toContain("files.capnp.ts");
  });

  test("finds imports beside the file, in import directories and built in", async () => {
    const main = `${ID} using B = import "../b.capnp"; using C = import "/lib/c.capnp"; using Cxx = import "/capnp/c++.capnp";
      $Cxx.namespace("x"); struct A { b @0 :B.B; c @1 :C.C; }`;
    const files = {
      "x/a.capnp": main,
      "b.capnp": "@0xd4c9a1b7e6f20854; struct B {}",
      "imports/lib/c.capnp": "@0xd4c9a1b7e6f20855; struct C {}",
    };
    expect(await capstan(files, "compile", "-Iimports", "x/a.capnp")).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await capstan(files, "compile", "x/a.capnp");
    expect(status).toBe(1);
    expect(stderr).toContain('cannot find the file "/lib/c.capnp"');
  });

  test("shows errors with their place, and writes nothing", async () => {
    const broken = `${ID}\nstruct A {\n  x @0 :Strin;\n  y @1 :Textt;\n}\n`;
    const outcome = await capstan({ "a.capnp": broken, "b.capnp": "@0xd4c9a1b7e6f20854; struct B {}" }, "compile", "b.capnp", "a.capnp");
    expect(outcome).toMatchObject({
      status: 1,
      stdout: "",
      stderr:
        "a.capnp:3:9-14: error: 'Strin' is not defined\n  x @0 :Strin;\n        ^~~~~\n" +
        "a.capnp:4:9-14: error: 'Textt' is not defined\n  y @1 :Textt;\n        ^~~~~\n  help: did you mean 'Text'?\n",
    });
    expect(Object.keys(outcome.files)).toEqual(["a.capnp", "b.capnp"]);
  });

  test("says why a file cannot be read or written", async () => {
    const notText = Buffer.from([...Buffer.from(`${ID}\n# `), 0xff, 0x0a]);
    const { status, stderr } = await capstan({ "a.capnp": notText, "dir.capnp/x": "" }, "compile", "missing.capnp", "dir.capnp", "a.capnp", "a.capnp/");
    expect(status).toBe(1);
    expect(stderr).toContain("capstan: cannot read missing.capnp: there is no such file or directory\n");
    expect(stderr).toMatch(/^capstan: cannot read .*\/here\/dir\.capnp: it is a directory$/m);
    expect(stderr).toContain("a.capnp:2:1: error: this line is not valid UTF-8");
    expect(stderr).toContain("capstan: cannot read a.capnp/: a part of its path is not a directory\n");

    const taken = { "a.capnp": ID, "a.capnp.ts/x": "", out: "" };
    expect((await capstan(taken, "compile", "a.capnp")).stderr).toBe("capstan: cannot write a.capnp.ts: it is a directory\n");
    expect((await capstan(taken, "compile", "-ots:out", "a.capnp")).stderr).toBe("capstan: cannot create the directory out: a file has that name\n");
  });

  test("answers --help and --version, and explains a wrong command line", async () => {
    const version = ((await readPackage(project)) as { version: string }).version;
    expect(await capstan({}, "--version")).toMatchObject({ status: 0, stdout: `capstan ${version}\n`, stderr: "" });
    expect((await capstan({}, "compile", "--help")).stdout).toContain("Usage: capstan compile");
    const { status, stdout, stderr } = await capstan({}, "compile", "-o:dir", "a.capnp");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("there is no language before the ':'");
  });

  test("prints requests, and hands them to plugins", async () => {
    const files = {
      "a.capnp": `${ID} struct A { x @0 :Text = "x"; }`,
      "bin/keep": "#!/bin/sh\nexec cat > request\n",
      "bin/fail": "#!/bin/sh\nexit 3\n",
      "out/deep/there": "",
      "other/there": "",
    };
    const { stdout: request, stderr } = await capstan(files, "compile", "-o-", "a.capnp");
    expect(stderr).toBe("");
    expect(request).toContain("a.capnp:A");
    const kept = await capstan(files, "compile", "-o./bin/keep:out/deep", "-o", "bin/keep", "a.capnp");
    expect(kept).toMatchObject({ status: 0, stdout: "", stderr: "" });
    for (const path of ["out/deep/request", "request"]) {
      // Files are read byte by byte here, the output as text.
      expect(Buffer.from(kept.files[path] ?? "", "latin1").toString()).toBe(request);
    }

    expect(await capstan(files, "compile", "-o./bin/fail", "a.capnp")).toMatchObject({
      status: 1,
      stderr: "capstan: the plugin './bin/fail' failed: exit code 3\n",
    });
    expect((await capstan(files, "compile", "-onowhere", "a.capnp")).stderr).toContain("no program 'capnpc-nowhere' was found");
    const { stderr: denied } = await capstan(files, "compile", "-o./a.capnp", "a.capnp");
    expect(denied).toMatch(/^capstan: cannot run .*\/here\/a\.capnp: permission denied\n$/);
    // The installed command runs the package's own plugin as another compiler would.
    const plugin = join(project.dir, "node_modules/.bin/capnpc-capstan-ts");
    const { files: own } = await capstan(files, "compile", "-ots:own", `-o${plugin}:other`, "a.capnp");
    expect(own["other/a.capnp.ts"]).toContain("export interface A");
    expect(own["other/a.capnp.ts"]).toBe(own["own/a.capnp.ts"]);

    // There is nothing to read.
    expect(await capstan({}, "plugin", "ts")).toMatchObject({ status: 1, stdout: "" });
  });

  test("checks schemas, and their changes", async () => {
    const files = {
      "old.capnp": `${ID} struct A { x @0 :Text; y @1 :UInt8; }`,
      "good.capnp": `${ID} struct A { renamed @0 :Text; y @1 :UInt8; z @2 :Bool; }`,
      "bad.capnp": `${ID} struct A { x @0 :Text; y @1 :UInt16; }`,
    };
    expect(await capstan(files, "check", "--against", "old.capnp", "good.capnp")).toMatchObject({ status: 0, stderr: "" });
    const { status, stderr } = await capstan(files, "check", "--against", "old.capnp", "bad.capnp");
    expect(status).toBe(1);
    expect(stderr).toContain("'A.y' breaks wire compatibility: its type was UInt8 and is UInt16");
  });

  test("makes ids that schemas can use", async () => {
    const ids = [await runAmong({}, "npx", ["capstan", "id"]), await runAmong({}, "npx", ["capstan", "id"])];
    for (const { status, stdout, stderr } of ids) {
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toMatch(/^@0x[89a-f][0-9a-f]{15}\n$/);
      expect(await capstan({ "a.capnp": `${stdout.trim()};` }, "compile", "a.capnp")).toMatchObject({ status: 0 });
    }
    expect(ids[0]?.stdout).not.toBe(ids[1]?.stdout);
  });

  test("gives up in words where a schema is too deep, as the native command does", async () => {
    const nested = `${ID} struct A { x @0 :${"List(".repeat(5000)}`;
    const { status, stderr } = await capstan({ "a.capnp": nested }, "compile", "a.capnp");
    expect(status).toBe(1);
    expect(stderr).toContain("a.capnp:1:");
    const deep = `${ID} ${Array.from({ length: 60 }, (_, i) => `struct A${i} {`).join("")}${"}".repeat(60)}`;
    expect(await capstan({ "a.capnp": deep }, "compile", "a.capnp")).toMatchObject({ status: 0, stderr: "" });
  });

  const PERSON = {
    "p.capnp": `${ID} struct Person { name @0 :Text; age @1 :UInt8; friend @2 :Person; tags @3 :List(Text); }
      const ada :Person = (name = "Ada", tags = ["x"]); const list :List(UInt8) = [1, 2];`,
  };

  test("reads command lines as the native command does", async () => {
    const lines = [
      "", "frob", "--frob", "-- id", "help", "help convert", "help frob", "id x", "compile", "compile -Z p.capnp", "compile -o", "compile p.capnp -o",
      "compile -o-:nowhere p.capnp", "compile -Inowhere p.capnp", "compile --src-prefix=nowhere p.capnp", "compile -o- -- p.capnp", "-I. compile p.capnp -o-",
      "compile --no-standard-import=1 p.capnp", "decode p.capnp", "decode p.capnp Nope", "decode -ps p.capnp Person", "convert binary", "convert binary:frob",
      "convert text:json", "encode --segment-size=x p.capnp Person", "eval p.capnp ada", "eval --short p.capnp ada.tags[0]", "eval -ojson p.capnp ada",
      "eval -b p.capnp ada", "eval -bp p.capnp ada", "eval p.capnp list[7]", "eval p.capnp list list", "fmt --check p.capnp", "gateway --help",
    ];
    for (const line of lines) {
      const { status, stdout, stderr } = await capstan(PERSON, ...line.split(" ").filter((word) => word !== ""));
      expect({ line, silent: stdout + stderr === "" }).toEqual({ line, silent: false });
      expect([0, 1]).toContain(status);
    }
  });

  test("converts messages", async () => {
    const text = '(name = "Ada", age = 36, tags = ["a", "b"])\n(friend = (age = 255)) # two\n(name = "ä\\n")';
    const { stdout: json, status } = await fed(text, PERSON, "convert", "--short", "text:json", "p.capnp", "Person");
    expect(status).toBe(0);
    expect(json.split("\n")).toHaveLength(4);
    expect((await fed(json, PERSON, "convert", "--short", "json:json", "p.capnp", "Person")).stdout).toBe(json);
    expect(await fed(text, PERSON, "encode", "-p", "p.capnp", "Person")).toMatchObject({ status: 0, stderr: "" });
    expect((await fed("(age = 1) (age = 300) (age = 2)", PERSON, "convert", "--short", "text:text", "p.capnp", "Person")).stdout).toBe("(age = 1)\n(age = 2)\n");
    for (const [input, formats] of [["", "text:json"], [" ", "json:text"], ["(", "text:json"], ["(age = 1)", "binary:text"], ["{}", "text:json"], ["123", "flat:text"]] as const) {
      expect(await fed(input, PERSON, "convert", formats, "p.capnp", "Person")).toMatchObject({ status: 1, stdout: "" });
    }
  });

  test("writes each message as soon as it is whole, and ends when nobody listens", async () => {
    await project.write(PERSON);
    const child = spawn(installed(), ["convert", "--short", "text:text", "p.capnp", "Person"], { cwd: project.dir, stdio: ["pipe", "pipe", "inherit"] });
    const answers = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (const age of [1, 2, 3]) {
      child.stdin.write(`(age = ${age})`);
      // The next one goes out only when this one has come back.
      expect(String((await answers.next()).value)).toBe(`(age = ${age})\n`);
    }
    child.stdin.on("error", () => undefined);
    child.stdout.destroy();
    const ended = once(child, "close") as Promise<[number | null]>;
    const more = setInterval(() => child.stdin.write("(age = 4)"), 20);
    expect((await ended)[0]).toBe(141);
    clearInterval(more);
  });

  test("what it writes works in Node with nothing else installed", async () => {
    await project.write({
      "person.capnp": `${ID} using import "phone.capnp".Phone; struct Person { name @0 :Text; born @1 :UInt64; phones @2 :List(Phone); }`,
      "phone.capnp": `@0xd4c9a1b7e6f20854; struct Phone { number @0 :Text; kind @1 :Kind = work; enum Kind { home @0; work @1; } }`,
      "use.mjs": `
        import { decode, encode, init } from "capstan";
        import { Person } from "./person.capnp.js";
        await init();
        const bytes = encode(Person, { name: "Ada", born: 1815, phones: [{ number: "555" }, { number: "777", kind: "home" }] });
        const { name, born, phones } = decode(Person, bytes);
        console.log(name, born, phones.map(({ number, kind }) => number + " " + kind).join(", "));
      `,
    });
    const expected = "Ada 1815n 555 work, 777 home\n";
    await project.run("npx", "capstan", "compile", "-ojs", "person.capnp", "phone.capnp");
    expect(await project.run("node", "use.mjs")).toBe(expected);

    // As TypeScript too, where types are only taken out, which Node does by itself from 22.18 on.
    const use = await readFile(join(project.dir, "use.mjs"), "utf8");
    const amaro = JSON.stringify(pathToFileURL(join(repository, "node_modules/amaro/dist/index.js")).href);
    await project.write({
      "use.ts": use.replace("person.capnp.js", "person.capnp.ts"),
      "strip.mjs": `
        import { readFileSync } from "node:fs";
        import { fileURLToPath } from "node:url";
        import amaro from ${amaro};
        export function load(url, context, next) {
          if (!url.endsWith(".ts")) return next(url, context);
          const { code } = amaro.transformSync(readFileSync(fileURLToPath(url), "utf8"), { mode: "strip-only" });
          return { format: "module", source: code, shortCircuit: true };
        }
      `,
      "strip-types.mjs": 'import { register } from "node:module"; register("./strip.mjs", import.meta.url);',
    });
    await project.run("npx", "capstan", "compile", "--import-extension=ts", "person.capnp", "phone.capnp");
    expect(await project.run("node", "--import", "./strip-types.mjs", "use.ts")).toBe(expected);
  });
});

/** The content of every file below `dir`, by path. */
async function tree(dir: string): Promise<Record<string, string>> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.sort().map(async (path) => [path.slice(dir.length + 1), await readFile(path, "latin1")] as const));
  return Object.fromEntries(contents);
}

async function readPackage(project: Project): Promise<unknown> {
  return JSON.parse(await readFile(join(project.dir, "node_modules/capstan/package.json"), "utf8")) as unknown;
}
