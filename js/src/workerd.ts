/**
 * The entry point in Cloudflare Workers, which compile no WebAssembly at run time: their tools compile what is
 * imported.
 */
import wasm from "../wasm/capstan_web_bg.wasm";
import { setPlatform } from "./platform.js";

setPlatform({ wasm: () => wasm });

export * from "./index.js";
