import { type Connection, type ConnectionOptions, overTransport } from "./connection.js";
import { initRuntime } from "./runtime.js";

/**
 * Carries messages to another vat, whole and in order: what to implement for a connection over something else than
 * WebSockets and MessagePorts. A connection calls `start` once, then `send` any number of times, and `close` last; after
 * `closed` it calls nothing any more. What `start` and `send` throw ends the connection with their message as the reason.
 */
export interface Transport {
  /**
   * True says that `send` is done with the bytes when it returns. It is then lent a view of memory that is used for other
   * things afterwards, which saves a copy; otherwise each array and its buffer are the transport's to keep and to transfer.
   */
  readonly copiesAtOnce?: boolean | undefined;
  /** Bytes that were given to `send` and have not left, where that is known. */
  readonly queuedBytes?: number | undefined;
  /** Messages can be sent from now on, and what arrives is to be told to `events`. */
  start(events: TransportEvents): void;
  /** Sends one message. It may wait in a queue of the transport's: how much can be in flight is bounded elsewhere. */
  send(message: Uint8Array<ArrayBuffer>): void;
  /** The connection is over; what was sent still goes out first. The codes are those of WebSockets, 1000 for good order. */
  close(code: number, reason: string): void;
}

/** What a transport tells its connection. After the end of the connection nothing of it has any effect. */
export interface TransportEvents {
  /** One whole message arrived. It is copied before this returns. */
  message(bytes: Uint8Array | ArrayBuffer): void;
  /** Nothing more will arrive, and nothing can be sent. */
  closed(reason: string): void;
  /** What arrived is none of our messages: ends the connection, telling the transport this code and reason. */
  refuse(code: number, reason: string): void;
}

/** What messages for people call the other side. */
export interface TransportOptions extends ConnectionOptions {
  /** What errors call the connection. */
  readonly name?: string | undefined;
}

/** Connects to the vat at the other end of a transport. Loads the WebAssembly when that has not happened. */
export async function connectTransport(transport: Transport, options: TransportOptions = {}): Promise<Connection> {
  await initRuntime();
  return overTransport(transport, options.name ?? "the peer", options);
}
