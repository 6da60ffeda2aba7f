import initGlue, { type InitInput } from "../wasm/capstan_web.js";
import { CapnpError, messageOf } from "./errors.js";
import { startEvents } from "./events.js";
import { checkClient } from "./client.js";
import { platform } from "./platform.js";
import { startReport } from "./report.js";
import { attach } from "./seam/memory.js";
import { setClientCheck } from "./seam/outgoing.js";

/** Where the WebAssembly comes from: an address, a response, the bytes, or a compiled module. */
export type InitSource = InitInput | Promise<InitInput>;

let loading: Promise<void> | undefined;
let isReady = false;

/**
 * Loads the WebAssembly, once. `connect` does so by itself; synchronous functions such as `serve` need it to
 * have happened. Without a source it is found beside this module.
 */
export function init(source?: InitSource): Promise<void> {
  loading ??= load(source).catch((error: unknown) => {
    // The next call may try again, with another source.
    loading = undefined;
    throw error;
  });
  return loading;
}

/** Throws unless `init` has happened. */
export function requireInit(caller: string): void {
  if (!isReady) {
    throw new CapnpError(
      "failed",
      `${caller}() was called before Capstan's WebAssembly was loaded; \`await init()\` once before it, or \`await connect(…)\``,
    );
  }
}

async function load(source: InitSource | undefined): Promise<void> {
  try {
    const found = await (source ?? platform.wasm());
    const exports = found === undefined ? await initGlue() : await initGlue({ module_or_path: found });
    attach(exports);
  } catch (error) {
    throw new CapnpError(
      "failed",
      `Capstan's WebAssembly could not be loaded: ${messageOf(error)}; check that capstan_web_bg.wasm is served beside the script ` +
        "with the type application/wasm (capstan/inline has it inside) and that the page's content security policy allows 'wasm-unsafe-eval'",
      { cause: error },
    );
  }
  startReport();
  setClientCheck(checkClient);
  startEvents();
  isReady = true;
}
