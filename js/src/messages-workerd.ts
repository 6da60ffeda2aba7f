/** The entry point for messages in Cloudflare Workers; as that for everything. */
import messages from "../wasm-messages/capstan_messages_bg.wasm";
import { setSources } from "./sources.js";

setSources({ messages: () => messages });

export * from "./messages.js";
