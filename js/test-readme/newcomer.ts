import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { access, copyFile, readFile } from "node:fs/promises";
import { connect as connectTcp, createServer } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { made, type Project, repository } from "../test-package/support.js";
import type { Command } from "./readme.js";

/** Compiled crates stay here between runs; only what changed is compiled again. */
const CARGO_TARGET_DIR = join(repository, "target/readme");

const CRATE = "newcomer";

/** How Cargo compiles what is in the texts. */
export const CARGO = {
  CARGO_TARGET_DIR,
  CARGO_PROFILE_DEV_DEBUG: "0",
};

const ENVIRONMENT = {
  ...CARGO,
  // What the README names is either in the tarball or is not there: npx must not look elsewhere.
  npm_config_yes: "false",
  npm_config_prefer_offline: "true",
};

/** The last lines, which the tests run themselves, to see what is printed. */
const RUN = ["cargo run &", "node client.js"];

/** Does what a shell block says, in an empty directory that becomes a Node project and a Rust package. */
export async function follow(project: Project, commands: readonly Command[]): Promise<void> {
  const run = commands.slice(-RUN.length).map(({ line }) => line);
  if (run.join() !== RUN.join()) throw new Error(`README.md: the last commands should be ${RUN.join(", ")}; they are ${run.join(", ")}`);
  for (const { line, writes } of commands.slice(0, -RUN.length)) {
    await project.shell(await here(line), ENVIRONMENT);
    if (line === "cargo init") {
      // The versions that the other tests use, which are downloaded already.
      await copyFile(join(repository, "Cargo.lock"), join(project.dir, "Cargo.lock"));
    }
    for (const file of writes) {
      await access(join(project.dir, file)).catch(() => {
        throw new Error(`README.md says that \`${line}\` writes ${file}; it did not`);
      });
    }
  }
}

/** A command of the README with the places and versions of this machine in it. */
async function here(line: string): Promise<string> {
  const tarball = "path/to/capstan/target/npm/capstan-0.1.0.tgz";
  if (line.startsWith("npm install ")) return line.replace(tarball, made.tarball());
  if (line.startsWith("npx capstan ") || line.startsWith("npm init ") || line.startsWith("npm pkg ")) return line;
  if (line === "cargo init") return `cargo init --quiet --vcs none --name ${CRATE}`;
  if (line.startsWith("cargo add --path ")) return `${line.replace("path/to/capstan", repository)} --offline`;
  const added = /^cargo add ([\w-]+)/.exec(line)?.[1];
  if (added !== undefined) return `${line.replace(added, `${added}@${await locked(added)}`)} --offline`;
  throw new Error(`README.md: this test does not know how to follow \`${line}\`; teach it`);
}

/** The version of a crate that the repository's lock file pins. */
export async function locked(crate: string): Promise<string> {
  const lock = await readFile(join(repository, "Cargo.lock"), "utf8");
  const version = new RegExp(`name = "${crate}"\nversion = "(.*)"`).exec(lock)?.[1];
  if (version === undefined) throw new Error(`Cargo.lock has no ${crate}`);
  return version;
}

/** A server of a text's, running. */
export class Server {
  readonly #process: ChildProcess;
  /** All it has said on its standard output. */
  printed = "";

  private constructor(process: ChildProcessByStdio<null, Readable, null>) {
    this.#process = process;
    process.stdout.on("data", (chunk: Buffer) => (this.printed += chunk.toString()));
  }

  /** Builds the Rust package in the project and waits until it listens on `port`. */
  static async start(project: Project, port: number): Promise<Server> {
    // New warnings of the README's code, or of generated code, are errors here: newcomers would see them.
    await project.shell("cargo rustc --quiet -- --deny warnings", ENVIRONMENT);
    return await Server.of(join(CARGO_TARGET_DIR, "debug", CRATE), [], project.dir, port);
  }

  /** Starts a program and waits until it listens on `port`. */
  static async of(program: string, args: readonly string[], directory: string, port: number): Promise<Server> {
    const child = spawn(program, args, { cwd: directory, stdio: ["ignore", "pipe", "inherit"] });
    const server = new Server(child);
    while (!(await listens(port))) {
      if (server.#ended) throw new Error(`${program} ${args.join(" ")} ended with ${child.exitCode} before it listened on port ${port}`);
      await sleep(20);
    }
    return server;
  }

  get isRunning(): boolean {
    return !this.#ended;
  }

  get #ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await ended;
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connectTcp(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port of the loopback address that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
