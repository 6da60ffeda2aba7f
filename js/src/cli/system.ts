/** What the compiler needs of Node wherever it runs. */
import { randomFillSync } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { type Host, initSync } from "../../wasm-compiler/capstan_compiler.js";

export const system: Pick<Host, "canonicalize" | "isFile" | "random"> = {
  // The system's own `realpath`: Node's other one takes a file with a slash behind it for the file.
  canonicalize: (path) => withSlashes(realpathSync.native(path)),
  isFile: (path) => {
    try {
      return statSync(path).isFile();
    } catch {
      return false;
    }
  },
  random: () => randomFillSync(new BigUint64Array(1))[0] ?? 0n,
};

let loaded = false;

/** Loads the compiler's WebAssembly, once. */
export function loadCompiler(): void {
  if (loaded) return;
  initSync({ module: readFileSync(new URL("../../wasm-compiler/capstan_compiler_bg.wasm", import.meta.url)) });
  loaded = true;
}

/** Inside the compiler paths have slashes, which Windows understands as well as its own separators. */
export function withSlashes(path: string): string {
  return process.platform === "win32" ? path.replaceAll("\\", "/") : path;
}
