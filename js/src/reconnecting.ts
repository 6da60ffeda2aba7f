import * as glue from "../wasm/capstan_web.js";
import { brokenClient, ClientBase } from "./client.js";
import type { Connection } from "./connection.js";
import { CapnpError } from "./errors.js";
import { release } from "./release.js";
import { requireInit } from "./runtime.js";
import { takeFailure } from "./pending.js";
import { promised } from "./promised.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { host } from "./serve.js";
import { asyncDispose } from "./symbols.js";
import type { Awaitable } from "./types.js";

/** Makes connections when they are needed. */
export interface Reconnecting {
  /** The connection that was made last, which may be over. */
  readonly connection: Connection | undefined;
  /** A client of what the other side offers to whoever connects, for as long as this is not closed. */
  bootstrap<Client>(type: InterfaceDescriptor<Client>): Client;
  /** Closes the connection, and makes no more. Calls fail from now on. */
  close(reason?: string): Promise<void>;
  /** `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** One connection, or the wish to have one. */
interface Attempt {
  /** Of the other side's bootstrap object; calls wait in it until there is a connection. */
  readonly target: object;
  connection?: Connection;
  failed?: true;
}

/**
 * Connects with the first call, and again with the first call after the connection was lost, by `connect`, as in
 * `reconnecting(() => connect(url)).bootstrap(Files)`. Calls wait for the connection; when there is none to be had, they fail with the
 * error of `connect`, and the next one tries again.
 *
 * No call is made twice: those that the connection was lost under fail as `disconnected`, and whether to repeat one is for its
 * caller to decide. Capabilities that came over the lost connection stay broken.
 */
export function reconnecting(connect: () => Awaitable<Connection>): Reconnecting {
  return new Reconnector(connect);
}

class Reconnector implements Reconnecting {
  readonly #connect: () => Awaitable<Connection>;
  #attempt: Attempt | undefined;
  #closedFor: CapnpError | undefined;

  constructor(connect: () => Awaitable<Connection>) {
    this.#connect = connect;
  }

  get connection(): Connection | undefined {
    return this.#attempt?.connection;
  }

  bootstrap<Client>(type: InterfaceDescriptor<Client>): Client {
    requireInit("bootstrap");
    const passTo = (): number => ClientBase.cap(this.#target(type) as ClientBase);
    return host({ type, methods: [], implementation: {}, passTo }, [], true);
  }

  async close(reason = "the reconnecting client was closed by this side"): Promise<void> {
    this.#closedFor ??= new CapnpError("disconnected", reason);
    await this.#attempt?.connection?.close(reason);
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  #target(type: InterfaceDescriptor): object {
    const known = this.#attempt;
    if (known !== undefined && !isLost(known)) return known.target;
    const attempt: Attempt = this.#begin(type);
    this.#attempt = attempt;
    if (known !== undefined) release(known.target);
    return attempt.target;
  }

  #begin(type: InterfaceDescriptor): Attempt {
    if (this.#closedFor !== undefined) return { target: brokenClient(type, this.#closedFor) };
    const connecting = async (): Promise<object> => {
      try {
        // Code of the user's never runs while events are being taken.
        await undefined;
        const connection = await this.#connect();
        if (this.#closedFor !== undefined) {
          void connection.close(this.#closedFor.reason);
          throw this.#closedFor;
        }
        attempt.connection = connection;
        return connection.bootstrap(type) as object;
      } catch (error) {
        attempt.failed = true;
        throw error;
      }
    };
    const attempt: Attempt = { target: promised(type as InterfaceDescriptor<object>, connecting()) };
    return attempt;
  }
}

/** A bootstrap object that is broken for another reason than its connection would be so again. */
function isLost({ failed, target }: Attempt): boolean {
  return failed === true || (glue.is_broken(ClientBase.cap(target as ClientBase)) && takeFailure().kind === "disconnected");
}
