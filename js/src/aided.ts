/** The entry point where size does not matter, because nothing is downloaded, or a developer downloads it: Deno, Bun, and pages in development. */
import "./messages-aided.js";

export * from "./index.js";
