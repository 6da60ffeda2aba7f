/** Schemas as modules in webpack: `import capstan from "capstan/webpack"`, then `capstan()` among the plugins. */
import { fileURLToPath } from "node:url";
import { type Options, SCHEMA } from "./compile.js";

export type { Options } from "./compile.js";

/** A plugin by the rules of webpack, which Rspack has too. */
export interface SchemaPlugin {
  /** @internal Called by webpack. */
  apply(compiler: { options: { module: { rules: unknown[] } } }): void;
}

/** `import { Files } from "./files.capnp"`. */
export default function capstan(options?: Options): SchemaPlugin {
  return {
    apply(compiler) {
      const loader = fileURLToPath(new URL("./webpack-loader.js", import.meta.url));
      compiler.options.module.rules.push({ test: SCHEMA, type: "javascript/esm", use: [{ loader, options: options ?? {} }] });
    },
  };
}
