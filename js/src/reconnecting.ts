import * as glue from "../wasm/capstan_web.js";
import { brokenClient, ClientBase } from "./client.js";
import type { Connection } from "./connection.js";
import { CapnpError } from "./errors.js";
import { release } from "./release.js";
import { requireInit } from "./runtime.js";
import { takeFailure } from "./pending.js";
import { promised } from "./promised.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { wrong } from "./seam/writer.js";
import { host } from "./serve.js";
import { asyncDispose } from "./symbols.js";
import { LONGEST_MILLIS } from "./timer.js";
import type { Awaitable } from "./types.js";

/** How often a lost server is asked. */
export interface ReconnectingOptions {
  /**
   * The longest wait between two attempts, in milliseconds; 30,000 by default, 0 for none. After an attempt that failed, or a connection that
   * was lost within a second, the next attempt is made no sooner than some 100 ms later, twice as much after each further one, up to this; a part
   * of it is random, so that clients of a server that restarts do not come all at once. Calls wait for the attempt meanwhile.
   */
  readonly maxDelay?: number | undefined;
}

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
 * A server that is away is asked less and less often, see `maxDelay`, however many calls there are.
 *
 * No call is made twice: those that the connection was lost under fail as `disconnected`, and whether to repeat one is for its
 * caller to decide. Capabilities that came over the lost connection stay broken.
 */
export function reconnecting(connect: () => Awaitable<Connection>, options: ReconnectingOptions = {}): Reconnecting {
  if (typeof connect !== "function") throw wrong("reconnecting()", "a function that connects, such as () => connect(url)", connect);
  const { maxDelay = DEFAULT_MAX_DELAY } = options;
  if (!(maxDelay >= 0 && maxDelay < LONGEST_MILLIS)) throw new RangeError(`maxDelay: expected milliseconds, 0 for none, got ${maxDelay}`);
  return new Reconnector(connect, maxDelay);
}

const FIRST_DELAY = 100;
const DEFAULT_MAX_DELAY = 30_000;
/** A connection that lasted less, in milliseconds, was none. */
const SHORT = 1000;

class Reconnector implements Reconnecting {
  readonly #connect: () => Awaitable<Connection>;
  readonly #maxDelay: number;
  #attempt: Attempt | undefined;
  #closedFor: CapnpError | undefined;
  /** Since a connection lasted. */
  #failures = 0;
  /** When the next attempt may be made, on the clock of `performance.now()`. */
  #notBefore = 0;
  /** Ends the wait for that. */
  #stopWaiting: () => void = () => {};

  constructor(connect: () => Awaitable<Connection>, maxDelay: number) {
    this.#connect = connect;
    this.#maxDelay = maxDelay;
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
    this.#stopWaiting();
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
        await this.#wait();
        this.#throwIfClosed();
        const connection = await this.#connect();
        const began = performance.now();
        if (this.#closedFor !== undefined) void connection.close(this.#closedFor.reason);
        this.#throwIfClosed();
        attempt.connection = connection;
        void connection.closed.then(() => this.#onFailed(performance.now() - began));
        return connection.bootstrap(type) as object;
      } catch (error) {
        attempt.failed = true;
        this.#onFailed(0);
        throw error;
      }
    };
    const attempt: Attempt = { target: promised(type as InterfaceDescriptor<object>, connecting()) };
    return attempt;
  }

  #throwIfClosed(): void {
    if (this.#closedFor !== undefined) throw this.#closedFor;
  }

  #onFailed(afterMillis: number): void {
    this.#failures = afterMillis < SHORT ? this.#failures + 1 : 0;
    const delay = this.#failures === 0 ? 0 : Math.min(this.#maxDelay, FIRST_DELAY * 2 ** (this.#failures - 1));
    this.#notBefore = performance.now() + delay * (0.5 + Math.random() / 2);
  }

  #wait(): Promise<void> {
    const millis = this.#notBefore - performance.now();
    if (millis <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A bootstrap object that is broken for another reason than its connection would be so again. */
function isLost({ failed, target }: Attempt): boolean {
  return failed === true || (glue.is_broken(ClientBase.cap(target as ClientBase)) && takeFailure().kind === "disconnected");
}
