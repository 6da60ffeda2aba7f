/*
 * Where the package's scripts name their WebAssembly. Bundlers that do not follow `new URL(…, import.meta.url)` leave it as
 * it is, and the file that it names would be missing beside the bundle.
 */

/** The scripts, by their paths. */
export const GLUE = /[\\/]wasm(-messages|-compiler)?[\\/]capstan_(web|messages|compiler)\.js$/;

/** The place in them; its group is the file's name. */
export const WASM_URL = /new URL\('([\w.]+\.wasm)', import\.meta\.url\)/;
