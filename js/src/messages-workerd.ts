/** The entry point for messages in Cloudflare Workers; as that for everything. */
import messages from "../wasm-messages/capstan_messages_bg.wasm";
import { setPlatform } from "./platform.js";

setPlatform({ messages: () => messages });

export * from "./messages.js";
