/** The entry point for messages in Node, which reads their WebAssembly from the disk. */
import { readFile } from "node:fs/promises";
import { beside } from "./beside.js";
import { loadAids } from "./aids.js";
import { setSources } from "./sources.js";

setSources({ messages: () => beside(readFile(new URL("../wasm-messages/capstan_messages_bg.wasm", import.meta.url)), "../wasm-messages/capstan_messages_bg.wasm") });

loadAids();

export * from "./messages.js";
