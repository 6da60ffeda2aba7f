/** Schemas as modules in Rollup and Rolldown: `import capstan from "capstan/rollup"`, then `capstan()` among the plugins. */
import { compile, type Options, SCHEMA } from "./compile.js";

export type { Options } from "./compile.js";

/** A plugin by the rules of Rollup, which Rolldown has too. */
export interface SchemaPlugin {
  readonly name: string;
  readonly enforce: "pre";
  load(this: { addWatchFile(path: string): void }, id: string): { code: string; map: null } | undefined;
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
  };
}
