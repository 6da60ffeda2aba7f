/** The entry point in Cloudflare Workers, for the compiler's WebAssembly as for the other. */
import "./workerd.js";
import wasm from "../wasm-compiler/capstan_compiler_bg.wasm";
import { setCompiler } from "./schema/compile.js";

setCompiler(() => wasm);

export * from "./compiler.js";
