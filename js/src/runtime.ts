import initGlue from "../wasm/capstan_web.js";
import { checkClient } from "./client.js";
import { CapnpError } from "./errors.js";
import { startEvents } from "./events.js";
import { init, need } from "./init.js";
import { startReport } from "./report.js";
import { attach } from "./seam/memory.js";
import { setClientCheck } from "./seam/outgoing.js";
import { forgetPrograms } from "./seam/program.js";

/** The WebAssembly module that connections need. */
let isReady = false;

need({
  name: "runtime",
  file: "capstan_web_bg.wasm",
  async load(source) {
    const exports = await initGlue(source);
    // The other module may have been there before.
    forgetPrograms();
    attach(exports);
    startReport();
    setClientCheck(checkClient);
    startEvents();
    isReady = true;
  },
});

/** `init` for whoever needs the runtime. */
export function initRuntime(): Promise<void> {
  return init();
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
