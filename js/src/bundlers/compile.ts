/** Compiles one schema file to a module in memory. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Host, run } from "../../wasm-compiler/capstan_compiler.js";
import { loadCompiler, system, withSlashes } from "../cli/system.js";

/** What the plugins may be told. */
export interface Options {
  /** Where schemas' imports that begin with `/` lead; the standard files are built in. */
  importPaths?: readonly string[] | undefined;
  /** Whether to keep `files.capnp.d.ts` beside each `files.capnp`, for TypeScript and editors; true by default. */
  types?: boolean | undefined;
}

export interface Module {
  /** JavaScript, whose imports lead to schema files. */
  readonly code: string;
  /** The schema files it was made from, itself among them. */
  readonly files: readonly string[];
}

/** What bundlers ask of each path. */
export const SCHEMA = /\.capnp$/;

/** Only a name: nothing is written there. */
const OUT = "/capstan-out";

/**
 * Compiles the schema at an absolute path.
 *
 * @throws Error with the compiler's messages when the schema has errors.
 */
export function compile(path: string, options: Options | undefined): Module {
  loadCompiler();
  const importPaths = (options?.importPaths ?? []).map((directory) => resolve(directory));
  const files = new Set<string>();
  const written = new Map<string, string>();
  let complaints = "";
  const host: Host = {
    ...system,
    read: (file) => {
      files.add(resolve(file));
      return readFileSync(file);
    },
    write: (file, contents) => void written.set(file, new TextDecoder().decode(contents)),
    createDirectories: () => undefined,
    print: () => undefined,
    report: (text) => void (complaints += text),
    readInput: () => 0,
    runPlugin: () => undefined,
  };
  const source = withSlashes(path);
  const flags = importPaths.map((directory) => `-I${withSlashes(directory)}`);
  const compileFrom = (directory: string) =>
    run(["compile", ...flags, `--src-prefix=${withSlashes(directory)}`, "-o", `js:${OUT}`, source], host);
  const status = compileFrom(dirname(path));
  const code = written.get(`${OUT}/${basename(source)}.js`);
  const types = written.get(`${OUT}/${basename(source)}.d.ts`);
  if (status !== 0 || code === undefined || types === undefined) {
    // Modules do not depend on where the bundler runs, but messages name files from there.
    complaints = "";
    compileFrom(process.cwd());
    throw new SchemaError(complaints.trimEnd() || `${path}: the schema compiler failed`);
  }
  if (options?.types ?? true) keep(`${path}.d.ts`, types);
  return { code: importSchemas(code, path, importPaths), files: [...files] };
}

/** Bundlers show the message, and would show the stack: it tells nothing about a schema. */
class SchemaError extends Error {
  constructor(message: string) {
    super(message);
    this.stack = "";
  }
}

/** Generated modules import each other by the names they would have on the disk: here schemas import schemas. */
function importSchemas(code: string, path: string, importPaths: readonly string[]): string {
  return code.replace(/^(import \* as \S+ from )"(\.\.?\/.*\.capnp)\.js";$/gm, (_line, start: string, imported: string) => {
    const places = [dirname(path), ...importPaths].map((directory) => join(directory, imported));
    const place = places.find((each) => existsSync(each));
    return `${start}${JSON.stringify(place === undefined ? imported : withSlashes(place))};`;
  });
}

/** Writes what is new: a file that is written again wakes editors and watchers. */
function keep(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
