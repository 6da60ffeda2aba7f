/** The `capstan` command, over the files and the terminal of this process. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { type Host, run } from "../../wasm-compiler/capstan_compiler.js";
import { loadCompiler, system, withSlashes } from "./system.js";

const host: Host = {
  ...system,
  read: (path) => readFileSync(path),
  write: (path, contents) => writeFileSync(path, contents),
  createDirectories: (path) => void mkdirSync(path, { recursive: true }),
  print: (bytes) => writeAll(1, bytes),
  report: (text) => {
    try {
      writeAll(2, new TextEncoder().encode(text));
    } catch {
      // There is nowhere left to tell of it.
    }
  },
  readInput: (buffer) => {
    try {
      return whenReady(() => readSync(0, buffer));
    } catch (error) {
      // What Windows calls the end of a pipe.
      if (codeOf(error) === "EOF") return 0;
      throw error;
    }
  },
  runPlugin: (program, directory, input) => {
    const run = spawnSync(program, { cwd: directory, input, stdio: ["pipe", "inherit", "inherit"] });
    // A plugin that ends before it has read everything is no failure of its own.
    if (run.error !== undefined && "code" in run.error && run.error.code !== "EPIPE") throw run.error;
    return run.status ?? undefined;
  },
};

/** Not through `process.stdout`, which would keep in memory what a slow reader has not taken yet. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const from = done;
    done += whenReady(() => writeSync(file, bytes, from));
  }
}

/** A pipe that another process has set not to block says `EAGAIN` where others wait. */
function whenReady(transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Runs the command with what follows its name on the command line, and sets the exit status. */
export function main(args: readonly string[]): void {
  try {
    loadCompiler();
    process.exitCode = run(args.map(withSlashes), host);
  } catch (error) {
    host.report(`capstan: the compiler itself failed, please report this: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 101;
  }
}
