/** Schemas as modules in esbuild: `import capstan from "capstan/esbuild"`, then `capstan()` among the plugins. */
import { compile, type Options, SCHEMA } from "./compile.js";

export type { Options } from "./compile.js";

/** A plugin by the rules of esbuild. */
export interface SchemaPlugin {
  readonly name: string;
  setup(build: {
    onLoad(
      options: { filter: RegExp },
      load: (found: { path: string }) => { contents: string; loader: "js"; watchFiles: string[] } | { errors: { text: string }[] },
    ): void;
  }): void;
}

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
    },
  };
}
