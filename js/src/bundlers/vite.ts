/** Schemas as modules in Vite: `import capstan from "capstan/vite"`, then `capstan()` among the plugins. */
export { default, type Options, type SchemaPlugin } from "./rollup.js";
