/** WebAssembly as an import gives it in Cloudflare Workers: compiled, not instantiated. */
declare module "*.wasm" {
  const compiled: WebAssembly.Module;
  export default compiled;
}
