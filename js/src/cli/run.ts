/** The `capstan` command, over the files and the terminal of this process. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Host, run } from "../../wasm-compiler/capstan_compiler.js";
import { loadCompiler, system, withSlashes } from "./system.js";

const host: Host = {
  ...system,
  read: (path) => readFileSync(path),
  write: (path, contents) => writeFileSync(path, contents),
  createDirectories: (path) => void mkdirSync(path, { recursive: true }),
  print: (text) => void process.stdout.write(text),
  report: (text) => void process.stderr.write(text),
  printBytes: (bytes) => void process.stdout.write(bytes.slice()),
  readInput: () => readFileSync(0),
  runPlugin: (program, directory, input) => {
    const run = spawnSync(program, { cwd: directory, input, stdio: ["pipe", "inherit", "inherit"] });
    // A plugin that ends before it has read everything is no failure of its own.
    if (run.error !== undefined && "code" in run.error && run.error.code !== "EPIPE") throw run.error;
    return run.status ?? undefined;
  },
};

/** Runs the command with what follows its name on the command line, and sets the exit status. */
export function main(args: readonly string[]): void {
  // Whoever closed the other end of a pipe wants to hear no more, this error included.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  try {
    loadCompiler();
    // Not `process.exit`, which would drop what a pipe has not taken yet.
    process.exitCode = run(args.map(withSlashes), host);
  } catch (error) {
    host.report(`capstan: the compiler itself failed, please report this: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 101;
  }
}
