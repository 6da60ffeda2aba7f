/** The entry point for messages in Node, which reads their WebAssembly from the disk. */
import { readFile } from "node:fs/promises";
import { setPlatform } from "./platform.js";

setPlatform({ messages: () => readFile(new URL("../wasm-messages/capstan_messages_bg.wasm", import.meta.url)) });

export * from "./messages.js";
