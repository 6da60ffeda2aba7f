import * as glue from "../wasm/capstan_web.js";
import { ClientBase, makeClient, releaseGiven, theClient } from "./client.js";
import { type CapnpError, ERROR_KINDS, type ErrorKind, messageOf } from "./errors.js";
import { requireInit } from "./runtime.js";
import { NONE } from "./payload.js";
import { takeFailure } from "./pending.js";
import { readPairs, readPath, reportWord, writeList } from "./report.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { ignoreErrors, socketTransport } from "./socket.js";
import { asyncDispose, dispose } from "./symbols.js";
import type { Transport } from "./transport.js";
import type { ConnectionStats, WebSocketLike } from "./types.js";

/** How much a stream may have in flight: what the way to its object holds and a share of a small queue, or so many bytes. */
export type FlowControl =
  | "adaptive"
  | {
      /** Bytes that each stream may have in flight. */
      readonly fixed: number;
    };

/** What may be chosen about any connection. */
export interface ConnectionOptions {
  /** What the other side gets that asks for this side's bootstrap object: a client, for instance one made by `serve`. */
  readonly bootstrap?: object | undefined;
  /** How much each stream may have in flight: what the way to its object holds, which is the default, or so many bytes. */
  readonly flowControl?: FlowControl | undefined;
  /** Longer messages from the other side end the connection; 64 MiB by default. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Whether small messages made in one turn of the event loop may share a WebSocket frame, if the other side agrees; true by default.
   * Peers that are not Capstan's do not, and nothing changes for them.
   */
  readonly batch?: boolean | undefined;
  /** How much the other side may make this one do and keep. */
  readonly limits?: ConnectionLimits | undefined;
  /**
   * Whether a call of the other side's that goes on to an object of its own is passed back to it, with its results, which need not come
   * here then. Not by default: peers of the Rust crate `capnp-rpc` never run a call whose results they are to keep.
   */
  readonly tailCalls?: boolean | undefined;
}

/**
 * How much the two sides may make each other do and keep. What exceeds a limit fails as `overloaded`, or ends this connection with a
 * reason, and no other. `Infinity` stands for no limit.
 */
export interface ConnectionLimits {
  /** A call of this side fails when so many have not returned; 1,048,576 by default. */
  readonly maxQuestions?: number | undefined;
  /** The connection ends when more calls of the other side are unanswered or unfinished; 262,144 by default. */
  readonly maxAnswers?: number | undefined;
  /** A call or an answer fails that would leave more capabilities of this side's with the other; 1,048,576 by default. */
  readonly maxExports?: number | undefined;
  /** The connection ends when more bytes of the other side's calls, and of results kept for it, are held; 512 MiB by default. */
  readonly maxHeldBytes?: number | undefined;
  /** The connection ends when more bytes than this wait to be sent, and the other side still sends; 512 MiB by default. */
  readonly maxQueuedBytes?: number | undefined;
  /** A call of the other side fails when so many of its calls wait for promises or streamed calls; 65,536 by default. */
  readonly maxWaitingCalls?: number | undefined;
  /** A call of the other side fails when more than this would wait for each other's results; 1,000 by default. */
  readonly maxPromiseDepth?: number | undefined;
  /**
   * Milliseconds of silence after which the other side is asked for a sign of life, which any peer gives; after as many more
   * the connection ends. Never by default.
   */
  readonly idleTimeout?: number | undefined;
  /** The same until the first message of the other side has come; as `idleTimeout` by default. */
  readonly handshakeTimeout?: number | undefined;
}

/** In the order in which the vat wants them. */
const LIMITS = [
  "maxQuestions",
  "maxAnswers",
  "maxExports",
  "maxHeldBytes",
  "maxWaitingCalls",
  "maxPromiseDepth",
  "idleTimeout",
  "handshakeTimeout",
] as const;
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_QUEUED_BYTES = 512 * 1024 * 1024;
/** Less than this in a socket holds no stream back, so nobody needs to hear of it. */
const SMALL_BACKLOG_BYTES = 64 * 1024;
const NORMAL = 1000;
const GOING_AWAY = 1001;
const TOO_BIG = 1009;
/** WebSocket.OPEN, without asking for a global of that name. */
const OPEN = 1;

/** Whether messages may share frames: never, when the other side offers it, this side offers it, or it does for long ones too. */
export type Batching = 0 | 1 | 2 | 3;
const NEVER = 0;
const ANSWER = 1;
export const OFFER = 2;
/** For sockets of the platform's own: Chromium's are slow with frames that are a little longer than 64 KiB. */
export const OFFER_LONG = 3;

/** Of a connection that is over. */
const NOTHING: ConnectionStats = {
  questions: 0,
  answers: 0,
  imports: 0,
  exports: 0,
  streams: 0,
  queuedFrames: 0,
  queuedBytes: 0,
  inFlight: 0,
  delivered: 0,
  window: 0,
  btlBw: 0,
  rtProp: undefined,
  mode: undefined,
};

const connections = new Map<number, Connection>();

/** A connection to another vat. Closing it fails all calls on it and breaks all clients that came over it. */
export class Connection {
  /** Resolves when the connection is over, with the reason; never rejects. */
  readonly closed: Promise<CapnpError>;
  readonly #id: number;
  #onClosed!: (reason: CapnpError) => void;

  /** @internal Not for callers: see `connect` and `accept`. */
  constructor(transport: Transport, name: string, options: ConnectionOptions, batching: Batching) {
    const { windowBytes, maxMessageBytes, maxQueuedBytes, limits } = checkOptions(options);
    let bootstrap = NONE;
    if (options.bootstrap !== undefined) {
      const client = theClient(options.bootstrap, "bootstrap");
      bootstrap = ClientBase.cap(client);
      glue.retain_cap(bootstrap);
      releaseGiven([client]);
    }
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    const lost = (reason: string): void => glue.lost(id, `${reason}; connect again to go on`);
    let backlog = 0;
    const tellBacklog = (): void => {
      const queued = transport.queuedBytes ?? 0;
      const bytes = queued > SMALL_BACKLOG_BYTES ? queued : 0;
      if (bytes !== backlog) glue.set_backlog(id, (backlog = bytes));
    };
    const link = linkTo(transport, tellBacklog, (error) => lost(`could not send to ${name}: ${messageOf(error)}`));
    writeList(limits);
    const id = glue.attach_link(link, windowBytes, maxMessageBytes, bootstrap, options.batch === false ? 0 : batching);
    this.#id = id;
    connections.set(id, this);
    const refuse = (code: number, reason: string): void => endConnection(id, code, "failed", reason);
    try {
      transport.start({
        message(data) {
          const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
          const { length } = bytes;
          if (length > maxMessageBytes) {
            refuse(
              TOO_BIG,
              `${name} sent a message of ${length} bytes, more than the limit of ${maxMessageBytes}; raise maxMessageBytes or send less at once`,
            );
            return;
          }
          if ((transport.queuedBytes ?? 0) > maxQueuedBytes) {
            endConnection(
              id,
              NORMAL,
              "overloaded",
              `more than ${maxQueuedBytes} bytes wait to be sent to ${name}, which goes on sending; read what comes back, or ask for less at a time`,
            );
            return;
          }
          tellBacklog();
          const code = glue.receive(id, bytes);
          if (code !== 0) refuse(code, `${name} sent a frame that is not one message: ${glue.failure_reason()}`);
        },
        closed: (reason) => lost(String(reason)),
        refuse,
      });
    } catch (error) {
      lost(`the transport to ${name} could not start: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Not for callers: what the vat calls it. */
  static id(connection: Connection): number {
    return connection.#id;
  }

  /** A client of the object that the other side offers to whoever connects; usable at once. */
  bootstrap<Client>(type: InterfaceDescriptor<Client>): Client {
    return makeClient(type, glue.bootstrap(this.#id));
  }

  /** Sizes of the connection's tables and what its streams have in flight; all zero when it is over. */
  stats(): ConnectionStats {
    if (!glue.connection_stats(this.#id)) return NOTHING;
    const [inFlight, delivered, window] = readPairs(7, 3) as [number, number, number];
    return {
      questions: reportWord(0),
      answers: reportWord(1),
      imports: reportWord(2),
      exports: reportWord(3),
      streams: reportWord(4),
      queuedFrames: reportWord(5),
      queuedBytes: reportWord(6),
      inFlight,
      delivered,
      window,
      ...readPath(13),
    };
  }

  /** Ends the connection; calls that have not returned are rejected. Resolves like `closed`. */
  close(reason = "the connection was closed by this side"): Promise<CapnpError> {
    endConnection(this.#id, NORMAL, "disconnected", reason);
    return this.closed;
  }

  /** `using`: closes the connection. */
  [dispose](): void {
    void this.close();
  }

  /** `await using`: closes the connection, and waits until it is closed. */
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
 *
 * @throws CapnpError before `init()`; TypeError for what is no open WebSocket; RangeError for options that make no sense.
 * @example
 * sockets.on("connection", (socket) => accept(socket, { bootstrap: serve(Files, new MyFiles()) }));
 */
export function accept(socket: WebSocketLike, options: ConnectionOptions = {}): Connection {
  requireInit("accept");
  if (socket.readyState !== OPEN) {
    throw new TypeError("accept() wants an open WebSocket; wait for its `open` event, or use connect(url)");
  }
  return overSocket(socket, "the peer", options, ANSWER);
}

/** A connection over an open socket. */
export function overSocket(socket: WebSocketLike, name: string, options: ConnectionOptions, batching: Batching): Connection {
  ignoreErrors(socket);
  return new Connection(socketTransport(socket, name), name, options, batching);
}

export function overTransport(transport: Transport, name: string, options: ConnectionOptions): Connection {
  return new Connection(transport, name, options, NEVER);
}

/** Closes it with the code of those who are about to end. */
export function goAway(connection: Connection, reason: string): void {
  endConnection(Connection.id(connection), GOING_AWAY, "disconnected", reason);
}

/** What wasm calls. Nothing of it throws, since wasm could not clean up behind it. */
function linkTo(transport: Transport, onSent: () => void, onFailed: (error: unknown) => void): Pick<Transport, "send" | "close"> {
  return {
    send(frame) {
      try {
        transport.send(transport.copiesAtOnce === true ? frame : frame.slice());
        onSent();
      } catch (error) {
        onFailed(error);
      }
    },
    close(code, reason) {
      try {
        transport.close(code, reason);
      } catch {
        // Nothing is left to do about a transport that cannot be closed: it already is.
      }
    },
  };
}

function endConnection(id: number, code: number, kind: ErrorKind, reason: string): void {
  // As an event listener `close` is given an event, which wasm could not take for a string.
  glue.close_connection(id, code, ERROR_KINDS.indexOf(kind), String(reason));
}

export function onClosed(id: number): void {
  Connection.onClosed(id, takeFailure());
}

/** Throws a RangeError for an option that makes no sense, before a connection is attempted. */
export function checkOptions(options: ConnectionOptions): CheckedOptions {
  const limit = (name: keyof ConnectionLimits, fallback = NONE): number => {
    const value = options.limits?.[name] ?? fallback;
    if (value !== Infinity) return check(`limits.${name}`, value, "");
    // No time means never.
    return name.endsWith("Timeout") ? NONE : NONE - 1;
  };
  return {
    windowBytes: checkWindow(options.flowControl ?? "adaptive"),
    maxMessageBytes: check("maxMessageBytes", options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES, " of bytes"),
    maxQueuedBytes: limit("maxQueuedBytes", DEFAULT_MAX_QUEUED_BYTES),
    limits: [...LIMITS.map((name) => limit(name)), options.tailCalls === true ? 1 : 0],
  };
}

/** Chooses the flow control of one client's stream from now on, whatever its connection's is. */
export function setFlowControl(client: object, flowControl: FlowControl): void {
  glue.stream_window(ClientBase.cap(theClient(client, "setFlowControl")), checkWindow(flowControl));
}

/** The window in bytes; 0 for one that adapts. */
function checkWindow(flowControl: FlowControl): number {
  if (flowControl === "adaptive") return 0;
  if (typeof flowControl !== "object") throw new TypeError(`flowControl: expected "adaptive" or { fixed: bytes }, got ${String(flowControl)}`);
  return check("flowControl.fixed", flowControl.fixed, " of bytes");
}

interface CheckedOptions {
  readonly windowBytes: number;
  readonly maxMessageBytes: number;
  readonly maxQueuedBytes: number;
  readonly limits: readonly number[];
}

function check(name: string, value: number, unit: string): number {
  if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) {
    throw new RangeError(`${name}: expected a whole number${unit} from 1 to 4294967295, got ${value}`);
  }
  return value;
}
