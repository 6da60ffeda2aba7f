/** The entry point that carries its WebAssembly, in Node: for programs that are bundled into one file. */
import "./node.js";

// Behind Node's, whose other half it leaves as it is.
export * from "./inline.js";
