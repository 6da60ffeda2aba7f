/** The WebAssembly module, deflated, in base64. The module is written when the package is put together. */
declare const deflated: string;
export default deflated;
