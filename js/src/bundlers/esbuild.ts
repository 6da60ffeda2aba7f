/** Schemas as modules in esbuild: `import capstan from "capstan/esbuild"`, then `capstan()` among the plugins. And the WebAssembly beside the bundle. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compile, type Options, SCHEMA } from "./compile.js";
import { GLUE, WASM_URL } from "./glue.js";

export type { Options } from "./compile.js";

/** A plugin by the rules of esbuild. */
export interface SchemaPlugin {
  /** What messages of the bundler call it. */
  readonly name: string;
  /** @internal Called by esbuild. */
  setup(build: {
    onLoad(
      options: { filter: RegExp },
      load: (found: { path: string }) => Loaded | { errors: { text: string }[] },
    ): void;
    onResolve(
      options: { filter: RegExp },
      resolve: (found: { path: string }) => { path: string; namespace: string },
    ): void;
    onLoad(
      options: { filter: RegExp; namespace: string },
      load: (found: { path: string }) => { contents: Uint8Array; loader: "file" },
    ): void;
  }): void;
}

interface Loaded {
  contents: string;
  loader: "js";
  watchFiles?: string[];
}

const NAMESPACE = "capstan-wasm";

/** `import { Files } from "./files.capnp"`. */
export default function capstan(options?: Options): SchemaPlugin {
  return {
    name: "capstan",
    setup(build) {
      build.onLoad({ filter: SCHEMA }, ({ path }) => {
        try {
          const { code, files } = compile(path, options);
          return { contents: code, loader: "js", watchFiles: [...files] };
        } catch (error) {
          return { errors: [{ text: error instanceof Error ? error.message : String(error) }] };
        }
      });
      build.onLoad({ filter: GLUE }, ({ path }) => {
        const glue = readFileSync(path, "utf8");
        const found = JSON.stringify(`${NAMESPACE}:${join(dirname(path), WASM_URL.exec(glue)?.[1] ?? "")}`);
        return { contents: `import file from ${found};\n${glue.replace(WASM_URL, "new URL(file, import.meta.url)")}`, loader: "js" };
      });
      build.onResolve({ filter: /^capstan-wasm:/ }, ({ path }) => ({ path: path.slice(NAMESPACE.length + 1), namespace: NAMESPACE }));
      build.onLoad({ filter: /\.wasm$/, namespace: NAMESPACE }, ({ path }) => ({ contents: readFileSync(path), loader: "file" }));
    },
  };
}
