/** Schemas as modules in Vite: `import capstan from "capstan/vite"`, then `capstan()` among the plugins. */
import rollup, { type Options, type SchemaPlugin as RollupPlugin } from "./rollup.js";

export type { Options } from "./rollup.js";

/** A plugin by the rules of Vite. */
export interface SchemaPlugin extends Omit<RollupPlugin, "transform"> {
  /** @internal What Vite has to know: which modules those of schemas import. */
  config(): { optimizeDeps: { include: string[] } };
}

/** `import { Files } from "./files.capnp"`. */
export default function capstan(options?: Options): SchemaPlugin {
  // It finds WebAssembly by itself.
  const { transform: _, ...plugin } = rollup(options);
  return {
    ...plugin,
    // The search for dependencies does not look into schemas: without this, Vite finds what their modules import only
    // when a page asks for the first, prepares it then, and loads the page once more.
    config: () => ({ optimizeDeps: { include: ["capstan/codegen/v1"] } }),
  };
}
