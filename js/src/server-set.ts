import * as glue from "../wasm/capstan_web.js";
import { ClientBase, clone, theClient } from "./client.js";
import { discardPayload } from "./payload.js";
import { expect } from "./pending.js";
import { release } from "./release.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { hosted, serve, type Served } from "./serve.js";

/** Calls to this interface go where promises lead and wait behind streams, as every call does, and do nothing there. */
const BARRIER_HIGH = 0xd5c189cf;
const BARRIER_LOW = 0x95c474a1;

/**
 * The objects of one kind that were made here, so that a client which comes back in a call leads to the object itself. A client
 * by itself proves nothing but that it refers to some object; this set tells whether it is one of its own.
 */
export class CapabilityServerSet<Client extends object, Server extends object, Implementation extends Partial<Server> = Server> {
  readonly #type: InterfaceDescriptor<Client, Server>;
  readonly #made = new WeakSet<Served>();

  constructor(type: InterfaceDescriptor<Client, Server>) {
    this.#type = type;
  }

  /** Makes a client of an object, as `serve` does, which the set will recognize. */
  add(implementation: Implementation): Client {
    const client = serve(this.#type, implementation);
    const made = hosted(theClient(client, "add"));
    if (made !== undefined) this.#made.add(made);
    return client;
  }

  /**
   * The object behind a client, if this set made it. Waits until it is known where the client leads, and for calls that
   * were streamed to the object before. The client may be released meanwhile.
   */
  async getLocalServer(client: Client): Promise<Implementation | undefined> {
    const own = clone(client);
    try {
      const base = theClient(own, "getLocalServer");
      await barrier(base);
      const found = hosted(base);
      return found !== undefined && this.#made.has(found) ? (found.implementation as Implementation) : undefined;
    } finally {
      release(own);
    }
  }
}

function barrier(client: ClientBase): Promise<void> {
  return new Promise((resolve) => {
    glue.call_begin(BARRIER_HIGH, BARRIER_LOW, 0, 0);
    // How it ends does not matter: a broken stream is the business of its caller.
    expect({
      id: glue.call_finish(ClientBase.cap(client), 0),
      onReturn(payload) {
        discardPayload(payload);
        resolve();
      },
      onReady: undefined,
      onFailed: () => resolve(),
    });
  });
}
