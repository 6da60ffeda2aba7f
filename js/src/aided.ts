/** The entry point where size does not matter, because nothing is downloaded: Deno and Bun. */
import "./messages-aided.js";

export * from "./index.js";
