import * as glue from "../wasm/capstan_web.js";
import { ClientBase, makeClient, theClient } from "./client.js";
import type { CapnpError } from "./errors.js";
import { requireInit } from "./init.js";
import { NONE } from "./payload.js";
import { takeFailure } from "./pending.js";
import { copiesAtOnce } from "./platform.js";
import { readPairs, reportWord } from "./report.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { ignoreErrors } from "./socket.js";
import { asyncDispose, dispose } from "./symbols.js";
import type { ConnectionStats, WebSocketLike } from "./types.js";

/** What may be chosen about any connection. */
export interface ConnectionOptions {
  /** What the other side gets that asks for this side's bootstrap object: a client, for instance one made by `serve`. */
  readonly bootstrap?: object | undefined;
  /** How much each stream may have in flight: `{ fixed: bytes }`, 64 KiB by default. */
  readonly flowControl?: { readonly fixed: number } | undefined;
  /** Longer messages from the other side end the connection; 64 MiB by default. */
  readonly maxMessageBytes?: number | undefined;
}

const DEFAULT_WINDOW_BYTES = 64 * 1024;
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** WebSocket.OPEN, without asking for a global of that name. */
const OPEN = 1;

const connections = new Map<number, Connection>();

/** A connection to another vat. Closing it fails all calls on it and breaks all clients that came over it. */
export class Connection {
  /** Resolves when the connection is over, with the reason; never rejects. */
  readonly closed: Promise<CapnpError>;
  readonly #id: number;
  readonly #windowBytes: number;
  #onClosed!: (reason: CapnpError) => void;

  /** Not for callers: see `connect` and `accept`. */
  constructor(socket: WebSocketLike, name: string, options: ConnectionOptions) {
    const { windowBytes, maxMessageBytes } = checkOptions(options);
    let bootstrap = NONE;
    if (options.bootstrap !== undefined) {
      bootstrap = ClientBase.cap(theClient(options.bootstrap, "bootstrap"));
      glue.retain_cap(bootstrap);
    }
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#windowBytes = windowBytes;
    this.#id = glue.attach_socket(socket, !copiesAtOnce(socket), name, windowBytes, maxMessageBytes, bootstrap);
    connections.set(this.#id, this);
  }

  /** A client of the object that the other side offers to whoever connects; usable at once. */
  bootstrap<Client>(type: InterfaceDescriptor<Client>): Client {
    return makeClient(type, glue.bootstrap(this.#id));
  }

  /** Sizes of the connection's tables and what its streams have in flight; all zero when it is over. */
  stats(): ConnectionStats {
    const window = this.#windowBytes;
    if (!glue.connection_stats(this.#id)) {
      return { questions: 0, answers: 0, imports: 0, exports: 0, streams: 0, queuedFrames: 0, queuedBytes: 0, inFlight: 0, window };
    }
    const [inFlight = 0] = readPairs(7, 1);
    return {
      questions: reportWord(0),
      answers: reportWord(1),
      imports: reportWord(2),
      exports: reportWord(3),
      streams: reportWord(4),
      queuedFrames: reportWord(5),
      queuedBytes: reportWord(6),
      inFlight,
      window,
    };
  }

  /** Ends the connection; calls that have not returned are rejected. Resolves like `closed`. */
  close(reason = "the connection was closed by this side"): Promise<CapnpError> {
    // As an event listener it is given an event, which wasm could not take for a string.
    glue.close_connection(this.#id, String(reason));
    return this.closed;
  }

  [dispose](): void {
    void this.close();
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For the taking of events. */
  static onClosed(id: number, reason: CapnpError): void {
    const connection = connections.get(id);
    connections.delete(id);
    if (connection !== undefined) connection.#onClosed(reason);
  }
}

/**
 * Speaks Cap'n Proto over a WebSocket that is open already, for instance on the server's side. Anything will do
 * that behaves like a WebSocket: a browser's, one of `ws`, Deno's, Bun's, a Worker's. To be called in the turn in which the
 * socket opened, as messages that come earlier are heard by nobody.
 */
export function accept(socket: WebSocketLike, options: ConnectionOptions = {}): Connection {
  requireInit("accept");
  if (socket.readyState !== OPEN) {
    throw new TypeError("accept() wants an open WebSocket; wait for its `open` event, or use connect(url)");
  }
  ignoreErrors(socket);
  return new Connection(socket, "the peer", options);
}

export function onClosed(id: number): void {
  Connection.onClosed(id, takeFailure());
}

/** Throws a RangeError for an option that makes no sense, before a connection is attempted. */
export function checkOptions(options: ConnectionOptions): { windowBytes: number; maxMessageBytes: number } {
  return {
    windowBytes: checkBytes("flowControl.fixed", options.flowControl?.fixed ?? DEFAULT_WINDOW_BYTES),
    maxMessageBytes: checkBytes("maxMessageBytes", options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES),
  };
}

function checkBytes(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) {
    throw new RangeError(`${name}: expected a number of bytes from 1 to 4294967295, got ${value}`);
  }
  return value;
}
