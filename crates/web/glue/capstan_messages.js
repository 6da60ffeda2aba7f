/*
 * In place of what wasm-bindgen makes for the module for messages, which is called with integers and calls nothing: a
 * third of the size.
 */
export default async function load({ module_or_path: source = new URL('capstan_messages_bg.wasm', import.meta.url) } = {}) {
  let found = typeof source === "string" || source instanceof URL || source instanceof Request ? await fetch(source) : await source;
  if (found instanceof Response) {
    if (!found.ok) throw new Error(`${found.url} was answered with ${found.status} ${found.statusText}`);
    const type = found.headers.get("Content-Type");
    if (type === "application/wasm" && WebAssembly.instantiateStreaming) {
      return (await WebAssembly.instantiateStreaming(found, imports)).instance.exports;
    }
    // Files, which Deno fetches as well, have none.
    if (type !== "application/wasm" && !found.url.startsWith("file:")) console.warn(`${found.url} has the MIME type ${type}: as application/wasm it would load faster`);
    found = await found.arrayBuffer();
  }
  const { instance, exports } = await WebAssembly.instantiate(found, imports);
  return exports ?? instance.exports;
}

// A table for objects, of which there are none.
const imports = { "./capstan_messages_bg.js": { __wbindgen_init_externref_table() {} } };
