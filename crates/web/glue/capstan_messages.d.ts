/** What the module exports. */
export type Exports = typeof import("./capstan_messages_bg.wasm.js");

/** Loads the module, from beside this script if it is not told where from. */
export default function load(source?: {
  module_or_path: string | URL | Request | Response | BufferSource | WebAssembly.Module;
}): Promise<Exports>;
