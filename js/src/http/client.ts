import type { ByteStream } from "../capnp/compat/byte-stream.capnp.js";
import { type HttpHeader, type HttpRequest, HttpService, type WebSocket as WireSocket, WebSocket } from "../capnp/compat/http-over-capnp.capnp.js";
import { give } from "../client.js";
import { CapnpError } from "../errors.js";
import { handled, watch } from "../pending.js";
import { whenResolved } from "../promised.js";
import { release } from "../release.js";
import { serve } from "../serve.js";
import { type Incoming, incoming, type Outgoing, send } from "./byte-stream.js";
import { fromWire, header, type HeadersSource, MAX_HEADER_BYTES, toWire } from "./headers.js";
import { type Head, headFromWire, HttpRefusedError, makeResponse, methodToWire, sizeOf } from "./message.js";
import { type OutgoingRequest, requestOf } from "./request.js";
import { type HttpTunnel, tunnelEnd, type TunnelEnd } from "./tunnel.js";
import { type HttpSocket, type SocketEnd, socketEnd } from "./web-socket.js";

/** What may be chosen about an HTTP client. */
export interface HttpClientOptions {
  /** What relative addresses are relative to. Without it they are sent as they are, as in a request to the host itself. */
  readonly base?: string | URL | undefined;
  /**
   * Makes requests by the older method `startRequest`, for servers that lack the newer one: those of the C++ library before 2022. There a
   * request that is aborted before its response has come may go on at the server for a while.
   */
  readonly startRequest?: boolean | undefined;
  /** The longest headers that a response may have, names and values together; 64 KiB by default. */
  readonly maxHeaderBytes?: number | undefined;
}

/** A function that is used as `fetch` is. */
export type HttpFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What may be chosen about opening something by a request. */
export interface OpenOptions extends HttpClientOptions {
  /** Of the request. */
  readonly headers?: HeadersSource | undefined;
  /** Aborting it gives the opening up, and later cuts what was opened. */
  readonly signal?: AbortSignal | undefined;
}

/** What may be chosen about a WebSocket. */
export interface OpenWebSocketOptions extends OpenOptions {
  /** The protocols to choose from, the most wanted first. */
  readonly protocols?: readonly string[] | undefined;
}

/** What may be chosen about a tunnel. */
export interface OpenTunnelOptions extends OpenOptions {
  /** Has the tunnel begin with TLS at the far end. */
  readonly tls?: boolean | undefined;
}

/**
 * A `fetch` whose requests are calls to `service`, which stays yours. It resolves when status and headers are there, both bodies stream as fast as
 * they are read, and aborting the signal cancels the call. Redirects are not followed: a 3xx is a response like others. What goes wrong under way
 * rejects with a `CapnpError`, or breaks the body: one that arrives whole was whole.
 */
export function httpClient(service: HttpService, options: HttpClientOptions = {}): HttpFetch {
  return async (input, init) => {
    const request = requestOf(input, init, options.base);
    const exchange = new Exchange(service, await request, options);
    return exchange.response;
  };
}

/** Opens a WebSocket at an address, which may begin with `ws:` or `http:`. Rejects with an `HttpRefusedError` when the server answers otherwise. */
export async function openWebSocket(service: HttpService, url: string | URL, options: OpenWebSocketOptions = {}): Promise<HttpSocket> {
  const address = String(url).replace(/^ws(s?):/i, "http$1:");
  const { headers, signal, protocols = [] } = options;
  const request = await requestOf(address, { ...(headers && { headers }), ...(signal && { signal }) }, options.base);
  if (protocols.length > 0) request.headers.set("sec-websocket-protocol", protocols.join(", "));
  return new Exchange(service, request, options, true).socket;
}

/** Opens a tunnel to `host`, such as `example.com:443`, by CONNECT. Rejects with an `HttpRefusedError` when it is refused. */
export function openTunnel(service: HttpService, host: string, options: OpenTunnelOptions = {}): Promise<HttpTunnel> {
  const { signal, tls = false, maxHeaderBytes = MAX_HEADER_BYTES } = options;
  const canceler = new AbortController();
  return new Promise<HttpTunnel>((resolve, reject) => {
    signal?.throwIfAborted();
    let end: TunnelEnd | undefined;
    let refusal: Incoming | undefined;
    const fail = (error: unknown): void => {
      reject(error);
      refusal?.fail(error);
      down.fail(error);
      end?.fail(error);
      canceler.abort(error);
    };
    const unwatch = signal && watch(signal, () => fail(signal.reason));
    const down = incoming({ name: "the tunnel" });
    const context = serve(HttpService.ConnectClientRequestContext, {
      startConnect({ response }) {
        once(end ?? refusal);
        const { status, headers } = headFromWire(response, "CONNECT", maxHeaderBytes);
        end = tunnelEnd(down, up, status, headers);
        resolve(end.tunnel);
      },
      startError({ response }) {
        once(end ?? refusal);
        const head = headFromWire(response, "GET", maxHeaderBytes);
        release(up);
        refusal = incoming({ name: "the response's body", length: head.length });
        reject(new HttpRefusedError(`tunnel to ${host}`, makeResponse(head, head.length === 0n ? null : refusal.stream, "")));
        return { body: refusal.client };
      },
    });
    const call = service.connect(
      { host, headers: toWire(new Headers(options.headers)), down: down.client, context: give(context), settings: { useTls: tls } },
      { signal: canceler.signal },
    );
    const up: ByteStream = call.up;
    call.then(
      async (results) => {
        release(results.up ?? up);
        if (end === undefined && refusal === undefined) fail(new CapnpError("failed", "the server neither opened the tunnel nor refused it"));
        unwatch?.();
      },
      (error: unknown) => {
        fail(error);
        unwatch?.();
      },
    );
  });
}

/** A request under way, from its call to the end of both bodies. */
class Exchange {
  readonly response: Promise<Response>;
  readonly socket: Promise<HttpSocket>;
  readonly #request: OutgoingRequest;
  readonly #limit: number;
  readonly #canceler = new AbortController();
  readonly #unwatch: (() => void) | undefined;
  #resolve!: (response: Response) => void;
  #resolveSocket!: (socket: HttpSocket) => void;
  #reject!: (error: unknown) => void;
  #body: Incoming | undefined;
  #end: SocketEnd | undefined;
  #sending: Outgoing | undefined;
  #isAnswered = false;
  #isBodyOver = true;
  #isCallOver = false;

  constructor(service: HttpService, request: OutgoingRequest, options: HttpClientOptions, wantsSocket = false) {
    this.#request = request;
    this.#limit = options.maxHeaderBytes ?? MAX_HEADER_BYTES;
    this.response = handled(new Promise<Response>((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject])));
    this.socket = handled(
      new Promise<HttpSocket>((resolve, reject) => {
        this.#resolveSocket = resolve;
        this.response.then((response) => reject(new HttpRefusedError("WebSocket", response)), reject);
      }),
    );
    const { signal } = request;
    signal?.throwIfAborted();
    const wire = wireRequest(request, wantsSocket);
    if (signal !== undefined) this.#unwatch = watch(signal, () => this.#fail(signal.reason));
    void this.#run(service, wire, wantsSocket, options.startRequest === true);
  }

  async #run(service: HttpService, request: HttpRequest.Input, wantsSocket: boolean, isOlder: boolean): Promise<void> {
    const context = give(serve(HttpService.ClientRequestContext, this.#context(wantsSocket)));
    const call = isOlder ? service.startRequest({ request, context }, this.#options) : service.request({ request, context }, this.#options);
    this.#sendBody(() => call.requestBody);
    try {
      const results: { requestBody?: ByteStream | undefined; context?: HttpService.ServerRequestContext | undefined } = await call;
      if (results.context !== undefined) await this.#untilDone(results.context);
      if (!this.#isAnswered) throw new CapnpError("failed", "the server ended the request without a response");
      // Who has answered in full reads no more of the request.
      this.#sending?.cancel(new CapnpError("disconnected", "the server did not want the rest of the request's body"));
      if (results.requestBody !== undefined) release(results.requestBody);
      this.#isCallOver = true;
      this.#settle();
    } catch (error) {
      this.#isCallOver = true;
      this.#fail(error);
      this.#sending?.cancel(error);
    }
  }

  get #options(): { signal: AbortSignal } {
    return { signal: this.#canceler.signal };
  }

  /** The context of an older request is a promise until the server is done. */
  async #untilDone(context: HttpService.ServerRequestContext): Promise<void> {
    const { signal } = this.#canceler;
    const unwatch = watch(signal, () => release(context));
    try {
      if (signal.aborted) throw signal.reason;
      await whenResolved(context);
    } finally {
      unwatch();
      release(context);
    }
  }

  #sendBody(to: () => ByteStream): void {
    const { body, length } = this.#request;
    if (body === undefined) return;
    this.#sending = send(body, to(), "the request's body", length);
    // What goes wrong at the server, the call tells.
    this.#sending.done.catch((error: unknown) => this.#fail(error));
  }

  #context(wantsSocket: boolean): HttpService.ClientRequestContext.Server {
    return {
      startResponse: ({ response }) => {
        this.#answer();
        const head = this.#try(() => headFromWire(response, this.#request.method, this.#limit));
        if (head.length === 0n) {
          this.#resolve(this.#try(() => makeResponse(head, null, this.#request.url)));
          return {};
        }
        return { body: this.#receive(head) };
      },
      startWebSocket: ({ headers, upSocket }) => {
        this.#answer();
        return this.#try(() => {
          if (!wantsSocket) throw new CapnpError("failed", "the server answered with a WebSocket, which the request did not ask for");
          if (upSocket === undefined) throw new CapnpError("failed", "the server accepted a WebSocket and gave none to send to");
          return { downSocket: this.#accept(upSocket, headers) };
        });
      },
    };
  }

  #answer(): void {
    once(this.#isAnswered || undefined);
    this.#isAnswered = true;
  }

  /** What is wrong with an answer fails the request as well as the answer. */
  #try<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #receive(head: Head): ByteStream {
    this.#isBodyOver = false;
    const body = incoming({
      name: "the response's body",
      length: head.length,
      onCanceled: (reason) => {
        this.#canceler.abort(reason);
        this.#sending?.cancel(reason);
      },
      onOver: () => {
        this.#isBodyOver = true;
        this.#settle();
      },
    });
    this.#body = body;
    this.#resolve(this.#try(() => makeResponse(head, body.stream, this.#request.url)));
    return body.client;
  }

  #accept(peer: WireSocket, headers: readonly HttpHeader[]): WireSocket {
    const end = socketEnd(peer, fromWire(headers, this.#limit, "the response"));
    this.#end = end;
    this.#isBodyOver = false;
    void end.over.then(() => {
      this.#isBodyOver = true;
      this.#settle();
    });
    this.#resolveSocket(end.socket);
    return give(serve(WebSocket, end.receiver));
  }

  #fail(error: unknown): void {
    this.#reject(error);
    this.#body?.fail(error);
    this.#end?.fail(error);
    this.#sending?.cancel(error);
    this.#canceler.abort(error);
    this.#unwatch?.();
  }

  /** Nothing is left that the signal could abort. */
  #settle(): void {
    if (this.#isBodyOver && this.#isCallOver) this.#unwatch?.();
  }
}

function wireRequest(request: OutgoingRequest, wantsSocket: boolean): HttpRequest.Input {
  const { method, wireUrl, headers, body, length } = request;
  const wire = toWire(headers, "content-length");
  if (wantsSocket) wire.push(header("upgrade", "websocket"));
  return { method: methodToWire(method), url: wireUrl, headers: wire, bodySize: sizeOf(body === undefined ? 0 : length) };
}

function once(answer: unknown): void {
  if (answer !== undefined) throw new CapnpError("failed", "the request was answered before");
}
