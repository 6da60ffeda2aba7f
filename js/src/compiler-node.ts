/** The entry point in Node, which reads the compiler's WebAssembly from the disk. */
import "./node.js";
import { readFile } from "node:fs/promises";
import { setCompiler } from "./schema/compile.js";

setCompiler(() => readFile(new URL("../wasm-compiler/capstan_compiler_bg.wasm", import.meta.url)));

export * from "./compiler.js";
