/**
 * The entry point in Cloudflare Workers, which compile no WebAssembly at run time: their tools compile what is
 * imported.
 */
import "./messages-workerd.js";
import runtime from "../wasm/capstan_web_bg.wasm";
import { setSources } from "./sources.js";

setSources({ runtime: () => runtime });

export * from "./index.js";
