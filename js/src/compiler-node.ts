/** The entry point in Node, which reads the compiler's WebAssembly from the disk. */
import "./node.js";
import { readFile } from "node:fs/promises";
import { beside } from "./beside.js";
import { setCompiler } from "./schema/compile.js";

setCompiler(() => beside(readFile(new URL("../wasm-compiler/capstan_compiler_bg.wasm", import.meta.url)), "../wasm-compiler/capstan_compiler_bg.wasm"));

export * from "./compiler.js";
