/** Schemas as modules in Rollup and Rolldown: `import capstan from "capstan/rollup"`, then `capstan()` among the plugins. And the WebAssembly beside the bundle. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compile, type Options, SCHEMA } from "./compile.js";
import { GLUE, WASM_URL } from "./glue.js";

export type { Options } from "./compile.js";

/** A plugin by the rules of Rollup, which Rolldown has too. */
export interface SchemaPlugin {
  /** What messages of the bundler call it. */
  readonly name: string;
  /** In Vite, before its own plugins. */
  readonly enforce: "pre";
  /** @internal Compiles a schema to a module. */
  load(this: { addWatchFile(path: string): void }, id: string): { code: string; map: null } | undefined;
  /** @internal Names the WebAssembly so that it is brought along. */
  transform(
    this: { emitFile(file: { type: "asset"; name: string; source: Uint8Array }): string },
    code: string,
    id: string,
  ): { code: string; map: null } | undefined;
}

/** `import { Files } from "./files.capnp"`. */
export default function capstan(options?: Options): SchemaPlugin {
  return {
    name: "capstan",
    // Before those that take a file they do not know for an asset.
    enforce: "pre",
    load(id) {
      if (!SCHEMA.test(id)) return undefined;
      const { code, files } = compile(id, options);
      for (const file of files) if (file !== id) this.addWatchFile(file);
      return { code, map: null };
    },
    transform(code, id) {
      const name = GLUE.test(id) ? WASM_URL.exec(code)?.[1] : undefined;
      if (name === undefined) return undefined;
      const file = this.emitFile({ type: "asset", name, source: readFileSync(join(dirname(id), name)) });
      return { code: code.replace(WASM_URL, `new URL(import.meta.ROLLUP_FILE_URL_${file})`), map: null };
    },
  };
}
