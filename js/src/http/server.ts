import type { ByteStream } from "../capnp/compat/byte-stream.capnp.js";
import { type HttpResponse, HttpService, WebSocket } from "../capnp/compat/http-over-capnp.capnp.js";
import { give } from "../client.js";
import { CapnpError } from "../errors.js";
import { watch } from "../pending.js";
import { promised } from "../promised.js";
import { release } from "../release.js";
import { serve } from "../serve.js";
import type { Awaitable, CallContext } from "../types.js";
import { type Incoming, incoming, send } from "./byte-stream.js";
import { contentLength, fromWire, type HeadersSource, MAX_HEADER_BYTES, toWire } from "./headers.js";
import { isBodiless, lengthOf, methodFromWire, sizeOf } from "./message.js";
import { requestFrom } from "./served-request.js";
import { type HttpTunnel, tunnelEnd, type TunnelEnd } from "./tunnel.js";
import { type HttpSocket, socketEnd } from "./web-socket.js";

/** What a WebSocket is accepted with. */
export interface AcceptWebSocketInit {
  /** One of those that the request's Sec-WebSocket-Protocol offers. */
  readonly protocol?: string | undefined;
  /** Of the response. */
  readonly headers?: HeadersSource | undefined;
}

/** What a handler gets besides the request. */
export interface HttpContext {
  /** All headers of the request: browsers leave some, such as Cookie and Host, out of a `Request`. */
  readonly headers: Headers;
  /** Aborted when the client does not want the response any more; the request's own signal as well. */
  readonly signal: AbortSignal;
  /** Accepts the request as a WebSocket's handshake, in place of a response. Throws when it is none. */
  acceptWebSocket(init?: AcceptWebSocketInit): HttpSocket;
}

/** Answers a request; returns nothing when it has accepted a WebSocket. What it throws fails the request, without a response. */
export type HttpHandler = (request: Request, context: HttpContext) => Awaitable<Response | void>;

/** What a tunnel is accepted with. */
export interface AcceptTunnelInit {
  /** 200 by default. */
  readonly status?: number | undefined;
  /** Of the response. */
  readonly headers?: HeadersSource | undefined;
  /** Called when the client wants the far end to go on in TLS with the host of that name, between what it wrote before and after. */
  readonly startTls?: ((expectedServerHostname: string) => Awaitable<void>) | undefined;
}

/** A CONNECT that arrived. */
export interface TunnelRequest {
  /** Where to, such as `example.com:443`. */
  readonly host: string;
  /** Of the request. */
  readonly headers: Headers;
  /** The client wants the far end to begin with TLS. */
  readonly tls: boolean;
  /** Aborted when the client does not want the tunnel any more. */
  readonly signal: AbortSignal;
  /** Opens the tunnel. */
  accept(init?: AcceptTunnelInit): HttpTunnel;
}

/** Opens a tunnel, or refuses it with a response; what it throws fails the request. The tunnel goes on when it has returned. */
export type TunnelHandler = (request: TunnelRequest) => Awaitable<Response | void>;

/** How a handler is served. */
export interface ServeHttpOptions {
  /** Serves CONNECT, which fails without this. */
  readonly connect?: TunnelHandler | undefined;
  /** Where requests go whose address is but a path and which name no host; `http://localhost` by default. */
  readonly origin?: string | undefined;
  /** The longest headers that a request may have, names and values together; 64 KiB by default. */
  readonly maxHeaderBytes?: number | undefined;
}

/**
 * Makes a client of an `HttpService` that has its requests answered by a function such as those of `Deno.serve` and `Bun.serve`: it takes a
 * `Request` and returns a `Response`, or a promise of one. Both bodies stream, as fast as they are read.
 */
export function serveHttp(handler: HttpHandler, options: ServeHttpOptions = {}): HttpService {
  const limit = options.maxHeaderBytes ?? MAX_HEADER_BYTES;
  const begin = (params: HttpService.request$Params, signal: AbortSignal): Exchange => new Exchange(params, signal, limit, options.origin ?? "http://localhost");
  return serve(HttpService, {
    async request(params, context) {
      const exchange = begin(params, context.signal);
      if (exchange.results.requestBody !== undefined) context.setPipeline(exchange.results);
      await exchange.run(handler);
      return exchange.results;
    },
    startRequest(params) {
      // Nothing tells that its client gave it up, until it is answered.
      const exchange = begin(params, new AbortController().signal);
      const done = exchange.run(handler).then(() => serve(HttpService.ServerRequestContext, {}));
      return { ...exchange.results, context: give(promised(HttpService.ServerRequestContext, done)) };
    },
    async connect(params, context) {
      if (options.connect === undefined) throw new CapnpError("unimplemented", "this HTTP service makes no tunnels");
      return connect(options.connect, params, context, limit);
    },
  });
}

/** One request from the side that answers it. */
class Exchange {
  readonly results: { requestBody?: ByteStream } = {};
  readonly #client: HttpService.ClientRequestContext;
  readonly #signal: AbortSignal;
  readonly #headers: Headers;
  readonly #request: Request | Response;
  readonly #method: string;
  readonly #body: Incoming | undefined;
  #socketOver: Promise<void> | undefined;
  #isAnswered = false;

  constructor({ request, context }: HttpService.request$Params, signal: AbortSignal, limit: number, origin: string) {
    if (request === undefined || context === undefined) throw new CapnpError("failed", "an HTTP request wants a request and a context");
    this.#client = context;
    this.#signal = signal;
    try {
      this.#method = methodFromWire(request.method);
      const length = lengthOf(request.bodySize);
      this.#headers = fromWire(request.headers, limit, "the request");
      if (length !== undefined && length > 0n && !this.#headers.has("content-length")) this.#headers.set("content-length", String(length));
      if (length !== 0n) {
        this.#body = incoming({ name: "the request's body", length });
        this.results.requestBody = this.#body.client;
      }
      this.#request = requestFrom(this.#method, addressOf(request.url, this.#headers, origin), this.#headers, this.#body?.stream, signal);
    } catch (error) {
      release(context);
      throw error;
    }
  }

  async run(handler: HttpHandler): Promise<void> {
    // A handler that reads the body would wait for ever: nobody else notices, as long as the results have the stream.
    const unwatch = watch(this.#signal, () => this.#body?.fail(gone()));
    try {
      const request = this.#request;
      // Some methods are too special for the platform.
      const answer = request instanceof Response ? request : await handler(request, this.#context());
      this.#signal.throwIfAborted();
      if (this.#socketOver !== undefined) await this.#socketOver;
      else if (answer instanceof Response) await this.#respond(answer);
      else throw new CapnpError("failed", "the HTTP handler returned no Response");
    } finally {
      this.#isAnswered = true;
      // Who has answered reads no more of the request.
      unwatch();
      this.#body?.fail(new CapnpError("disconnected", "the request's body is not wanted any more: the request was answered"));
      release(this.#client);
    }
  }

  #context(): HttpContext {
    return {
      headers: this.#headers,
      signal: this.#signal,
      acceptWebSocket: (init) => this.#acceptWebSocket(init ?? {}),
    };
  }

  async #respond(response: Response): Promise<void> {
    const { status, headers, body } = response;
    const noBody = body === null || isBodiless(this.#method, status);
    const announced = contentLength(headers);
    const length = noBody ? 0 : announced;
    if (length === 0) await body?.cancel("a response to this has no body");
    const answered = this.#client.startResponse({ response: responseToWire(response, length, length === 0 && announced !== 0) }, { signal: this.#signal });
    if (length === 0 || body === null) {
      await answered;
      return;
    }
    const sending = send(body, answered.body, "the response's body", length);
    const unwatch = watch(this.#signal, () => sending.cancel(gone()));
    try {
      const theirs = await sending.done;
      if (theirs !== undefined) throw theirs;
    } finally {
      unwatch();
    }
  }

  #acceptWebSocket({ protocol, headers: more }: AcceptWebSocketInit): HttpSocket {
    if (this.#headers.get("upgrade")?.toLowerCase() !== "websocket") throw new TypeError("acceptWebSocket(): the request is no WebSocket's handshake; its header Upgrade does not say websocket");
    if (this.#isAnswered || this.#socketOver !== undefined) throw new TypeError("acceptWebSocket(): the request was answered before");
    const headers = new Headers(more);
    if (protocol !== undefined) headers.set("sec-websocket-protocol", protocol);
    // What it sends to is known when the handshake returns, and what is served is needed for it.
    let known!: (peer: WebSocket) => void;
    const peer = promised(WebSocket, new Promise<WebSocket>((resolve) => (known = resolve)));
    const end = socketEnd(peer, headers);
    this.#socketOver = end.over;
    const answered = this.#client.startWebSocket({ headers: toWire(headers), upSocket: give(serve(WebSocket, end.receiver)) }, { signal: this.#signal });
    known(answered.downSocket);
    answered.catch(end.fail);
    const unwatch = watch(this.#signal, () => end.fail(gone()));
    void end.over.then(unwatch);
    return end.socket;
  }
}

/** One CONNECT from the side that answers it. */
async function connect(
  handler: TunnelHandler,
  { host, headers: wire, down, context: client, settings }: HttpService.connect$Params,
  context: CallContext<HttpService.connect$Results.Input>,
  limit: number,
): Promise<HttpService.connect$Results.Input> {
  if (down === undefined || client === undefined) throw new CapnpError("failed", "a CONNECT wants a stream for its answers and a context");
  const { signal } = context;
  let startTls: AcceptTunnelInit["startTls"];
  let onArrived!: () => void;
  const arrived = new Promise<void>((resolve) => (onArrived = resolve));
  const up = incoming({
    name: "the tunnel",
    onOver: () => onArrived(),
    startTls(name) {
      if (startTls === undefined) throw new CapnpError("unimplemented", "this tunnel cannot start TLS");
      return startTls(name);
    },
  });
  let end: TunnelEnd | undefined;
  const accept = ({ status = 200, headers, startTls: its }: AcceptTunnelInit = {}): HttpTunnel => {
    if (end !== undefined) throw new TypeError("accept(): the tunnel was opened before");
    startTls = its;
    const shown = new Headers(headers);
    client.startConnect({ response: { statusCode: status, headers: toWire(shown) } }, { signal }).catch(cut);
    end = tunnelEnd(up, down, status, shown);
    return end.tunnel;
  };
  const cut = (error: unknown): void => {
    up.fail(error);
    end?.fail(error);
  };
  const unwatch = watch(signal, () => cut(gone()));
  try {
    const headers = fromWire(wire, limit, "the request");
    context.setPipeline({ up: up.client });
    const answer = await handler({ host, headers, tls: settings?.useTls === true, signal, accept });
    // The compiler does not see that the handler may have called it.
    const opened = end as TunnelEnd | undefined;
    if (opened !== undefined) {
      await Promise.all([opened.sent, arrived]);
    } else if (answer instanceof Response) {
      await refuse(client, answer);
    } else {
      throw new CapnpError("failed", "the handler neither opened the tunnel nor refused it with a Response");
    }
    return { up: up.client };
  } finally {
    unwatch();
    up.fail(new CapnpError("disconnected", "the tunnel is not wanted any more"));
    release(down);
    release(client);
  }
}

async function refuse(client: HttpService.ConnectClientRequestContext, response: Response): Promise<void> {
  const length = response.body === null ? 0 : contentLength(response.headers);
  const answered = client.startError({ response: responseToWire(response, length, false) });
  const { body } = response;
  if (body === null) {
    await answered;
    return;
  }
  const theirs = await send(body, answered.body, "the response's body", length).done;
  if (theirs !== undefined) throw theirs;
}

function gone(): CapnpError {
  return new CapnpError("disconnected", "the client has given this up, or its connection was lost");
}

function responseToWire(response: Response, length: number | undefined, keepsLength: boolean): HttpResponse.Input {
  const { status, statusText, headers } = response;
  if (status < 200) throw new CapnpError("failed", "Response.error() is no response that can be sent");
  return {
    statusCode: status,
    ...(statusText !== "" && { statusText }),
    headers: toWire(headers, keepsLength ? undefined : "content-length"),
    bodySize: sizeOf(length),
  };
}

function addressOf(url: string, headers: Headers, origin: string): string {
  try {
    if (!url.startsWith("/")) return new URL(url).href;
    const { protocol } = new URL(origin);
    const host = headers.get("host");
    return new URL(`${host === null ? new URL(origin).origin : `${protocol}//${host}`}${url}`).href;
  } catch {
    throw new CapnpError("failed", `the request has an address that is none: ${JSON.stringify(url)}`);
  }
}
