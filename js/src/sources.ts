import type { WasmSource } from "./init.js";

/** Where the WebAssembly modules are; what is not told is left to the scripts beside which they lie. */
export interface Sources {
  runtime?(): Promise<WasmSource> | WasmSource;
  messages?(): Promise<WasmSource> | WasmSource;
}

// Apart from the rest of the platform, which pages without connections do without.
export let sources: Sources = {};

export function setSources(different: Sources): void {
  sources = { ...sources, ...different };
}
