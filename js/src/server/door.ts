import { releaseGiven, theClient } from "../client.js";
import { accept, checkOptions, type Connection, type ConnectionOptions, goAway } from "../connection.js";
import { CapnpError } from "../errors.js";
import { init } from "../init.js";
import { isBusy } from "../serve.js";
import { asyncDispose } from "../symbols.js";
import { startTimer } from "../timer.js";
import type { Awaitable, WebSocketLike } from "../types.js";
import { checkOrigins, originRefusal, type Origins } from "./origins.js";

/** What may be chosen about a server; `Request` is what the platform has of a request. */
export interface ServerOptions<Request> extends Omit<ConnectionOptions, "bootstrap"> {
  /**
   * What each client gets: one object for all, or a function that makes one for each connection, of its request with headers
   * and cookies. The function's object stays its own unless it is given away, `() => give(serve(Files, new Session()))`; the WebAssembly is
   * loaded when it is called. When it throws, the connection is refused: with status 403 and the reason of a `CapnpError`, with
   * status 500 and no words for anything else, which goes to `onError`.
   */
  readonly bootstrap: object | ((request: Request) => Awaitable<object>);
  /** Which web pages may connect; those of the same host by default. Others get status 403. */
  readonly origins?: Origins | undefined;
  /** Told of each connection when it begins. */
  readonly onConnection?: ((connection: Connection, request: Request) => void) | undefined;
  /** Told of what `bootstrap` throws that is no refusal; by default it is written to the console. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Of a server, what is the same everywhere. */
export interface RpcServer extends AsyncDisposable {
  /** Those that are open. */
  readonly connections: ReadonlySet<Connection>;
  /**
   * Takes no new connections, which are refused with status 503, and closes each that is there as soon as nothing would be cut off:
   * no call of either side is unanswered, and no stream to an object of this side is under way. One is from when the client has the object (the
   * bootstrap object: from the first streamed call) until an ordinary call of it, such as `end`, or until the client lets go of it. What is left after `limit` milliseconds, 30,000 by default, is cut off: resolves to how many connections those were. Their clients see the close code 1001,
   * and further calls fail as `disconnected`.
   */
  drain(limit?: number): Promise<number>;
  /** The same at once. */
  close(): Promise<void>;
}

/** Why a request becomes no connection. */
export interface Refusal {
  readonly status: number;
  /** For people. */
  readonly text: string;
}

/** What the server looks at of a request. */
export interface Asked {
  readonly origin: string | undefined;
  readonly host: string | undefined;
  readonly upgrade: string | undefined;
}

const ENDING: Refusal = { status: 503, text: "This server takes no new connections, as it is about to end; try again in a moment." };
const DRAIN_LIMIT = 30_000;
/** Milliseconds between two looks at whether connections are idle. */
const LOOK_INTERVAL = 20;

/** Lets connections in, and has them leave. */
export class Door<Request> implements RpcServer {
  readonly connections = new Set<Connection>();
  readonly #options: ServerOptions<Request>;
  readonly #origins: Origins;
  #isClosing = false;

  constructor(caller: string, options: ServerOptions<Request>) {
    this.#options = options;
    this.#origins = checkOrigins(options.origins ?? "same-host");
    if (typeof options.bootstrap !== "function") theClient(options.bootstrap, `${caller}({ bootstrap })`);
  }

  /** The options of its connections. */
  get connectionOptions(): ConnectionOptions {
    return this.#options as Omit<ServerOptions<Request>, "bootstrap">;
  }

  /** The longest message that its connections take. */
  get maxMessageBytes(): number {
    return checkOptions(this.connectionOptions).maxMessageBytes;
  }

  refusal({ origin, host, upgrade }: Asked): Refusal | undefined {
    if (upgrade?.toLowerCase() !== "websocket") return { status: 426, text: "This is the address of WebSockets: connect(…) to it." };
    if (this.#isClosing) return ENDING;
    const text = originRefusal(this.#origins, origin, host);
    return text === undefined ? undefined : { status: 403, text };
  }

  /** The bootstrap object for a request that was not refused. */
  async admit(request: Request): Promise<{ readonly bootstrap: object } | Refusal> {
    const { bootstrap, onError = console.error } = this.#options;
    let isLoaded = false;
    try {
      await init();
      isLoaded = true;
      const client: unknown = typeof bootstrap === "function" ? await (bootstrap as (request: Request) => unknown)(request) : bootstrap;
      const admitted = { bootstrap: theClient(client, "bootstrap") };
      if (!this.#isClosing) return admitted;
      releaseGiven([admitted.bootstrap]);
      return ENDING;
    } catch (error) {
      if (isLoaded && error instanceof CapnpError) return { status: 403, text: error.reason };
      onError(error);
      return { status: 500, text: "The server failed; see its log." };
    }
  }

  /** Speaks over an open socket. */
  enter(socket: WebSocketLike, bootstrap: object, request: Request): Connection {
    const connection = accept(socket, { ...this.connectionOptions, bootstrap });
    this.connections.add(connection);
    void connection.closed.then(() => this.connections.delete(connection));
    this.#options.onConnection?.(connection, request);
    return connection;
  }

  async drain(limit = DRAIN_LIMIT): Promise<number> {
    this.#isClosing = true;
    let isOver = limit <= 0;
    const timer = isOver ? undefined : startTimer(limit, () => (isOver = true));
    const left = async (): Promise<number> => {
      for (const connection of this.connections) if (!isBusy(connection) && connection.stats().queuedFrames === 0) goAway(connection, "the server is about to end");
      // Those that have ended say so in a later turn.
      await new Promise((resolve) => setTimeout(resolve, 0));
      return this.connections.size;
    };
    try {
      while ((await left()) > 0 && !isOver) await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
    } finally {
      clearTimeout(timer);
    }
    const rest = [...this.connections];
    for (const connection of rest) goAway(connection, "the server has ended, and cut off what was under way");
    await Promise.all(rest.map(({ closed }) => closed));
    return rest.length;
  }

  async close(): Promise<void> {
    await this.drain(0);
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }
}
