/**
 * The entry point in Cloudflare Workers, which compile no WebAssembly at run time: their tools compile what is
 * imported.
 */
import "./messages-workerd.js";
import runtime from "../wasm/capstan_web_bg.wasm";
import { setPlatform } from "./platform.js";

setPlatform({ runtime: () => runtime });

export * from "./index.js";
