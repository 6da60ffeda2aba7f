import { CapnpError, messageOf } from "./errors.js";
import { sources } from "./sources.js";

/*
 * There are two WebAssembly modules: the runtime, which has connections, and messages, which has views, builders, packing
 * and the canonical form. Each is needed by the scripts that call it, and says so when the first of these is there. A
 * bundler leaves out scripts of which nothing is used, so a bundle loads what it uses and no more.
 */

/** Any object where no types of WebAssembly are known: Node's own types have none. */
type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } } ? Module : object;

/** A WebAssembly module: its address, a response or the bytes that hold it, or itself, compiled. */
export type WasmSource = string | URL | Request | Response | ArrayBuffer | ArrayBufferView<ArrayBuffer> | CompiledModule;

/** Where WebAssembly comes from: an address, a response, the bytes, or a compiled module. */
export type InitSource = WasmSource | Promise<WasmSource>;

/** The same for each of the two modules. */
export interface InitSources {
  /** `capstan_web_bg.wasm`, for whatever has to do with connections. */
  readonly runtime?: InitSource | undefined;
  /** `capstan_messages_bg.wasm`, for `decode`, `read`, `build`, packing and the canonical form. */
  readonly messages?: InitSource | undefined;
}

/** A module that scripts here need. */
export interface Needed {
  readonly name: keyof InitSources;
  readonly file: string;
  /** Beside its own script is where it is found without a source. */
  load(source: { module_or_path: WasmSource } | undefined): Promise<void>;
  loading?: Promise<void> | undefined;
}

const modules: Needed[] = [];

/** To be called by the one script that loads a module, when it is evaluated. */
export function need(module: Needed): void {
  modules.push(module);
}

/**
 * Loads the WebAssembly, each module once. `connect` does so by itself; synchronous functions such as `serve` and
 * `decode` need it to have happened. Without a source it is found beside the scripts. A source by itself is the
 * runtime's. Calling it again costs nothing.
 *
 * @throws CapnpError that says what to check when the WebAssembly cannot be loaded; the next call tries again.
 * @example
 * await init();
 * await init({ runtime: fetch("/assets/capstan_web_bg.wasm") }); // where it is elsewhere
 */
export async function init(source?: InitSource | InitSources): Promise<void> {
  const given = namesModules(source) ? source : { runtime: source };
  if (given.runtime !== undefined && !modules.some(({ name }) => name === "runtime")) {
    throw new TypeError("init(source) is for connections, and nothing here has any; for messages it is init({ messages: source })");
  }
  await loadModules(given);
}

/** Loads each of the modules that is not there yet. */
export async function loadModules(given: InitSources): Promise<void> {
  await Promise.all(modules.map((module) => (module.loading ??= load(module, given[module.name]))));
}

function namesModules(source: InitSource | InitSources | undefined): source is InitSources {
  return typeof source === "object" && ("runtime" in source || "messages" in source);
}

async function load(module: Needed, source: InitSource | undefined): Promise<void> {
  try {
    const found = await (source ?? sources[module.name]?.());
    await module.load(found === undefined ? undefined : { module_or_path: found });
  } catch (error) {
    // The next call may try again, with another source.
    module.loading = undefined;
    throw new CapnpError(
      "failed",
      `Capstan's WebAssembly could not be loaded: ${messageOf(error)}; check that ${module.file}, not a page in its place, is served beside the script ` +
        "with the type application/wasm (the plugins capstan/vite, capstan/esbuild and capstan/rollup see to that, capstan/inline has it inside) and that the page's content security policy allows 'wasm-unsafe-eval'",
      { cause: error },
    );
  }
}

/** In place of a module's exports until they are there. */
export function notLoaded<Exports extends object>(): Exports {
  return new Proxy({} as Exports, {
    get(): never {
      throw new CapnpError(
        "failed",
        "Capstan's WebAssembly is not loaded yet: `await init()` first, or use an asynchronous function such as `connect`",
      );
    },
  });
}
