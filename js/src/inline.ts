/** The entry point that carries its WebAssembly, for places that cannot fetch a file beside the script. */
import messages from "./inline-messages.js";
import { setSources } from "./sources.js";
import runtime from "./inline-wasm.js";

setSources({
  runtime: () => inflate(runtime),
  messages: () => inflate(messages),
});

function inflate(deflated: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(deflated), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(inflated).arrayBuffer();
}

export * from "./index.js";
