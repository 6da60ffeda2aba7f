import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pinned, Project, repository } from "../test-package/support.js";
import { type Chapter, chapterOf, chapters, type Snippet } from "./guide.js";
import { CARGO, freePort, locked, Server } from "./newcomer.js";
import { commandsOf } from "./readme.js";

/*
 * The guide's code: all schemas, programs and commands of all chapters, in one project and one crate. Programs whose names
 * end in "server" are started, and those of the same chapter that end in "client" are run against each of them.
 */

const guide = chapters();
const schemas = guide.flatMap(({ files }) => [...files.keys()].filter((name) => name.endsWith(".capnp")));
const ADDRESS = "127.0.0.1:8080";

let project: Project;
const ports = new Map<Chapter, number>();

beforeAll(async () => {
  project = await Project.create(
    { "tsconfig.json": TSCONFIG },
    [await pinned("typescript"), await pinned("@types/node"), await pinned("@types/ws")],
  );
  const names = new Map<string, string>();
  for (const chapter of guide) {
    ports.set(chapter, await freePort());
    for (const { name, code, language } of chapter.files.values()) {
      const other = names.get(name);
      if (other !== undefined) throw new Error(`${chapter.name} and ${other} both have a file ${name}`);
      names.set(name, chapter.name);
      if (language !== "rust") await project.write({ [name]: local(chapter, code) });
    }
  }
  await project.run("npx", "capstan", "compile", "-o", "js", ...schemas);
  // What is compiled from TypeScript imports them from there.
  await project.run("npx", "capstan", "compile", "-o", "js:built", ...schemas);
});

afterAll(() => project?.remove());

test("the guide's Rust compiles without a warning", () => crate());

test("the guide's TypeScript and JavaScript agree with the package's types", async () => {
  await project.run("npx", "tsc", "-p", ".");
});

test("what the types refuse, the guide's check refuses", async () => {
  await project.write({ "wrong.js": 'import { connect } from "capstan";\nconnect(1, { signals: 2 });\n' });
  const { status, output } = await project.attempt("npx", "tsc", "-p", ".");
  await rm(join(project.dir, "wrong.js"));
  expect(status).not.toBe(0);
  expect(output).toContain("wrong.js");
});

describe.each(guide.filter(({ files, commands }) => files.size + commands.length > 0))("$name", (chapter) => {
  const programs = [...chapter.files.values()].filter(({ language }) => ["js", "ts", "rust"].includes(language));
  const servers = programs.filter(({ name }) => /server\.\w+$/.test(name));
  const clients = programs.filter(({ name }) => /client\.\w+$/.test(name));
  const alone = programs.filter((each) => !servers.includes(each) && !clients.includes(each));

  for (const program of alone) {
    test(program.name, async () => {
      expect(linesOf(await run(program))).toEqual(program.prints);
    });
  }

  for (const server of servers) {
    describe(server.name, () => {
      let running: Server;
      beforeAll(async () => {
        running = await Server.of(...(await commandFor(server)), project.dir, ports.get(chapter) as number);
      });
      afterAll(() => running?.stop());

      for (const client of clients) {
        test(client.name, async () => {
          expect(linesOf(await run(client))).toEqual(client.prints);
        });
      }
      test("listens", () => expect(running.isRunning).toBe(true));
    });
  }

  for (const block of chapter.commands) {
    const lines = commandsOf(block);
    test(lines.map(({ line }) => line).join("; "), async () => {
      for (const { line, writes } of lines) {
        const output = await project.shell(line);
        for (const file of writes) await project.run("test", "-e", file);
        const said = new RegExp(`^${line.replace(/[^\w]/g, "\\$&")} *# prints (.*)$`, "m").exec(block)?.[1];
        if (said !== undefined) expect(linesOf(output).at(-1)).toBe(said);
      }
    });
  }
});

test("a block that names no file is refused, and one that goes on is appended", () => {
  expect(() => chapterOf("a.md", "```js\nfoo();\n```")).toThrow("a.md, line 1: a code block needs");
  expect(() => chapterOf("a.md", "```js client.ts\nfoo();\n```")).toThrow("needs a language");
  const { files } = chapterOf("a.md", "```js a.js\nconsole.log(1); // 1\n```\nand\n```js a.js\nconsole.log(2); // 2\n```");
  expect(files.get("a.js")?.prints).toEqual(["1", "2"]);
});

async function run(program: Snippet): Promise<string> {
  const [command, args] = await commandFor(program);
  return await project.run(command, ...args);
}

async function commandFor({ name, language }: Snippet): Promise<[string, string[]]> {
  if (language === "rust") return [await crate(), [moduleOf(name)]];
  return ["node", [language === "ts" ? join("built", name.replace(/\.ts$/, ".js")) : name]];
}

function linesOf(output: string): string[] {
  const text = output.trimEnd();
  return text === "" ? [] : text.split("\n");
}

function local(chapter: Chapter, code: string): string {
  const port = String(ports.get(chapter));
  return code.replaceAll(ADDRESS, `127.0.0.1:${port}`).replaceAll("port: 8080", `port: ${port}`);
}

/** One crate with all schemas and a module for each program, which its argument chooses. */
async function compileRust(): Promise<string> {
  const programs = guide.flatMap((chapter) => [...chapter.files.values()].filter(({ language }) => language === "rust").map((each) => ({ chapter, ...each })));
  const source = join(project.dir, "rust/src");
  await mkdir(source, { recursive: true });
  await project.run("npx", "capstan", "compile", "-o", "rust:rust/src", ...schemas);
  const runs = "\npub(crate) fn run() -> std::process::ExitCode { std::process::Termination::report(main()) }\n";
  for (const { chapter, name, code } of programs) {
    await project.write({ [`rust/src/${name}`]: local(chapter, code) + (/\bfn main\b/.test(code) ? runs : "") });
  }
  const modules = [...schemas.map((name) => name.replace(".capnp", "_capnp")), ...programs.map(({ name }) => moduleOf(name))];
  const arms = programs.filter(({ code }) => /\bfn main\b/.test(code)).map(({ name }) => `"${moduleOf(name)}" => ${moduleOf(name)}::run(),`);
  await project.write({
    "rust/src/main.rs": `#![allow(dead_code)]
${modules.map((name) => `mod ${name};`).join("\n")}
fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        ${arms.join("\n        ")}
        other => panic!("there is no program {other:?}"),
    }
}
`,
    "rust/Cargo.toml": `[package]
name = "${CRATE}"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
capstan-message = { path = "${repository}/crates/message" }
capstan-rpc = { path = "${repository}/crates/rpc" }
capstan-net = { path = "${repository}/crates/net" }
tokio = { version = "${await locked("tokio")}", features = ["macros", "net", "rt-multi-thread", "time"] }
`,
  });
  await copyFile(join(repository, "Cargo.lock"), join(project.dir, "rust/Cargo.lock"));
  const environment = Object.entries(CARGO).map(([name, value]) => `${name}=${value}`);
  await project.run("env", ...environment, "cargo", "rustc", "--quiet", "--offline", "--manifest-path", "rust/Cargo.toml", "--", "--deny", "warnings");
  // Compiled, and in the way of the next look at the directory.
  await rm(join(project.dir, "rust"), { recursive: true });
  return join(CARGO.CARGO_TARGET_DIR, "debug", CRATE);
}

/** The crate's program, compiled once. */
let compiled: Promise<string> | undefined;
function crate(): Promise<string> {
  compiled ??= compileRust();
  return compiled;
}

function moduleOf(file: string): string {
  return file.replace(/\.rs$/, "").replaceAll("-", "_");
}

const CRATE = "guide";

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    strict: true,
    allowJs: true,
    checkJs: true,
    // Programs in JavaScript need not say what the types of their functions' parameters are.
    noImplicitAny: false,
    useUnknownInCatchVariables: false,
    target: "es2022",
    lib: ["es2023", "dom", "dom.asynciterable", "esnext.disposable"],
    types: ["node"],
    module: "nodenext",
    skipLibCheck: true,
    outDir: "built",
  },
  include: ["*.js", "*.ts"],
});
