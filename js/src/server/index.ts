/** Servers where requests are `Request`s: Deno, Bun and Cloudflare Workers. */
import type { WebSocketLike } from "../types.js";
import { type BunHandlers, type BunServer, BunSocket } from "./bun-socket.js";
import { Door, type Refusal, type RpcServer, type ServerOptions } from "./door.js";

export type { BunHandlers, BunServer, BunWebSocket } from "./bun-socket.js";
export type { RpcServer, ServerOptions } from "./door.js";
export type { Origins } from "./origins.js";

/** Makes connections of requests. */
export interface Endpoint extends RpcServer {
  /** The response to a request that asks for a WebSocket, in Deno and in Cloudflare Workers; others get a response that says why not. */
  upgrade(request: Request): Promise<Response>;
  /** The same in Bun, to whose server the `websocket` below was given: there is no response when the request became a WebSocket. */
  upgrade(request: Request, server: BunServer): Promise<Response | undefined>;
  /** For `Bun.serve`. Sockets that are none of Capstan's it leaves alone. */
  readonly websocket: BunHandlers;
}

/**
 * A server's endpoint for WebSockets, in Deno, Bun and Cloudflare Workers: `endpoint({ bootstrap }).upgrade(request)` is the response of a route. In Node,
 * `capstan/node` has `attach`.
 */
export function endpoint(options: ServerOptions<Request>): Endpoint {
  return new RequestDoor("endpoint", options);
}

/** Where the platform has what of its own. */
interface Globals {
  readonly WebSocketPair?: new () => Record<0 | 1, WebSocketLike & { accept(): void }>;
  readonly Deno?: { upgradeWebSocket(request: Request): { socket: WebSocketLike & EventTarget; response: Response } };
}

class RequestDoor extends Door<Request> implements Endpoint {
  get websocket(): BunHandlers {
    return BunSocket.handlers(this.maxMessageBytes);
  }

  upgrade(request: Request): Promise<Response>;
  upgrade(request: Request, server: BunServer): Promise<Response | undefined>;
  async upgrade(request: Request, server?: BunServer): Promise<Response | undefined> {
    const upgraded = server === undefined ? upgradeHere() : inBun(server);
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
    const refusal = this.refusal({ origin: header("Origin"), host: header("Host") ?? new URL(request.url).host, upgrade: header("Upgrade") });
    if (refusal !== undefined) return responseOf(refusal);
    const admitted = await this.admit(request);
    if ("status" in admitted) return responseOf(admitted);
    return upgraded(request, (socket) => void this.enter(socket, admitted.bootstrap, request));
  }
}

type Upgrade = (request: Request, onOpen: (socket: WebSocketLike) => void) => Response | undefined;

function upgradeHere(): Upgrade {
  const { WebSocketPair, Deno } = globalThis as Globals;
  if (WebSocketPair !== undefined) return inWorkers(WebSocketPair);
  if (Deno?.upgradeWebSocket !== undefined) return inDeno(Deno);
  throw new TypeError(
    "upgrade(request) is for Deno and Cloudflare Workers; in Bun it is upgrade(request, server), and in Node attach(server, …) of capstan/node",
  );
}

function inDeno(deno: NonNullable<Globals["Deno"]>): Upgrade {
  return (request, onOpen) => {
    const { socket, response } = deno.upgradeWebSocket(request);
    socket.addEventListener("open", () => onOpen(socket), { once: true });
    return response;
  };
}

function inWorkers(WebSocketPair: NonNullable<Globals["WebSocketPair"]>): Upgrade {
  return (_request, onOpen) => {
    const { 0: client, 1: socket } = new WebSocketPair();
    // As messages are to arrive, which is settled by then.
    socket.binaryType = "arraybuffer";
    socket.accept();
    onOpen(socket);
    return new Response(null, { status: 101, webSocket: client } as ResponseInit);
  };
}

function inBun(server: BunServer): Upgrade {
  return (request, onOpen) => {
    if (server.upgrade(request, { data: new BunSocket(onOpen) })) return undefined;
    return responseOf({ status: 400, text: "This request for a WebSocket is damaged." });
  };
}

function responseOf({ status, text }: Refusal): Response {
  const headers = status === 426 ? { Connection: "Upgrade", Upgrade: "websocket" } : undefined;
  return new Response(`${text}\n`, { status, ...(headers && { headers }) });
}
