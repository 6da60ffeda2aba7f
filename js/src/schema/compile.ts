import load, { type Host, run } from "../../wasm-compiler/capstan_compiler.js";
import { CodeGeneratorRequest } from "../capnp/schema.capnp.js";
import { CapnpError } from "../errors.js";
import { init, type WasmSource } from "../init.js";
import { decode } from "../message.js";
import { Schema } from "./schema.js";

/** Schema files by their paths, such as `{ "person.capnp": "…" }`. */
export type SchemaFiles = Readonly<Record<string, string>>;

let compiler: Promise<unknown> | undefined;
let findCompiler: () => Promise<WasmSource> | WasmSource | undefined = () => undefined;

/** Called by the entry point of a particular platform. */
export function setCompiler(find: typeof findCompiler): void {
  findCompiler = find;
}

/**
 * Compiles schema files at run time. They may import each other, and the standard files. The compiler is a WebAssembly
 * module of its own, loaded when this is called first.
 *
 * @throws CapnpError with file, line, column and advice for each error in the files.
 */
export async function compile(files: SchemaFiles): Promise<Schema> {
  // A text has keys too: its characters'.
  const paths = typeof files === "object" ? Object.keys(files) : [];
  if (paths.length === 0) throw new TypeError('compile() wants schema files by their paths, such as { "person.capnp": text }');
  await Promise.all([loadCompiler(), init()]);
  return schemaFrom(request(files, paths));
}

function loadCompiler(): Promise<unknown> {
  compiler ??= Promise.resolve(findCompiler())
    .then((found) => load(found === undefined ? undefined : { module_or_path: found }))
    .catch((error: unknown) => {
      // The next call may find it.
      compiler = undefined;
      throw error;
    });
  return compiler;
}

/**
 * The schema in the bytes that a schema compiler hands to code generators: a message whose root is a CodeGeneratorRequest.
 * Needs `await init()`.
 */
export function schemaFrom(request: Uint8Array): Schema {
  return new Schema(decode(CodeGeneratorRequest, request));
}

function request(files: SchemaFiles, paths: readonly string[]): Uint8Array {
  const texts = new Map(paths.map((path) => [absolute(path), files[path] as string]));
  let complaints = "";
  const chunks: Uint8Array[] = [];
  const missing = (): never => {
    throw Object.assign(new Error("there is no such file"), { code: "ENOENT" });
  };
  const host: Host = {
    canonicalize: (path) => {
      const full = absolute(path);
      const directory = full === "/" ? full : `${full}/`;
      return texts.has(full) || [...texts.keys()].some((file) => file.startsWith(directory)) ? full : missing();
    },
    isFile: (path) => texts.has(absolute(path)),
    read: (path) => new TextEncoder().encode(texts.get(absolute(path)) ?? missing()),
    write: missing,
    createDirectories: missing,
    random: () => crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n,
    print: (bytes) => void chunks.push(bytes.slice()),
    report: (text) => void (complaints += text),
    readInput: () => 0,
    runPlugin: missing,
  };
  const status = run(["compile", "-o-", ...paths], host);
  if (status !== 0) throw new CapnpError("failed", complaints.trimEnd());
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

/** Files are found relative to each other from one directory, whatever it is called. */
function absolute(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
