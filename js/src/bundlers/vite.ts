/** Schemas as modules in Vite: `import capstan from "capstan/vite"`, then `capstan()` among the plugins. */
import rollup, { type Options, type SchemaPlugin as RollupPlugin } from "./rollup.js";

export type { Options } from "./rollup.js";

/** A plugin by the rules of Vite. */
export interface SchemaPlugin extends Omit<RollupPlugin, "transform"> {
  /** @internal What Vite has to know: how its development server is to prepare the package. */
  config(this: unknown): { optimizeDeps: { include: string[] } | { exclude: string[] } };
}

/** `import { Files } from "./files.capnp"`. */
export default function capstan(options?: Options): SchemaPlugin {
  // It finds WebAssembly by itself.
  const { transform: _, ...plugin } = rollup(options);
  return {
    ...plugin,
    config() {
      // Before version 8, which bundles by Rolldown, Vite prepares scripts without the WebAssembly that they lie beside.
      const { meta } = (this ?? {}) as { meta?: { rolldownVersion?: string } };
      if (meta?.rolldownVersion === undefined) return { optimizeDeps: { exclude: ["capstan"] } };
      // The search for dependencies does not look into schemas: without this, Vite finds what their modules import only
      // when a page asks for the first, prepares it then, and loads the page once more.
      return { optimizeDeps: { include: ["capstan/codegen/v1"] } };
    },
  };
}
