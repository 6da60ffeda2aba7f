/** Servers in Node: `attach` has a server of HTTP, or one of the package `ws`, make connections of its WebSockets. */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { CapnpError } from "../errors.js";
// Node's sockets are what this is about, whichever entry is used beside this one.
import "../node.js";
import type { WebSocketLike } from "../types.js";
import { Door, type Refusal, type RpcServer, type ServerOptions } from "./door.js";

export type { RpcServer, ServerOptions } from "./door.js";
export type { Origins } from "./origins.js";

/** What may be chosen about connections in Node. */
export interface AttachOptions extends ServerOptions<IncomingMessage> {
  /** The path of the address, such as `/rpc`; every path by default. */
  readonly path?: string | undefined;
}

/** What is used of a server of `node:http`, `node:https`, or whatever has the same event. */
export interface HttpServerLike {
  /** Listens to requests for another protocol. */
  on(event: "upgrade", listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  /** How many listen to them. */
  listenerCount(event: "upgrade"): number;
}

/** What is used of a `WebSocketServer`, of whatever version of `ws`. */
export interface WebSocketServerLike {
  /** Listens to new WebSockets. */
  on(event: "connection", listener: (socket: never, request: IncomingMessage) => void): unknown;
  /** It has this, which a server of HTTP has not. */
  handleUpgrade: unknown;
}

const POLICY = 1008;
const FAILED = 1011;

/**
 * Has a server make connections of WebSockets. A server of HTTP answers refused requests with a status and a text; other paths are left to other
 * listeners of its, or get status 404 when there are none. Of a `WebSocketServer` of `ws`, whose handshake is its own and whose path and limits count,
 * the sockets are taken as they come, and those that are refused are closed with code 1008 and the same text.
 *
 * The server itself stays the program's: `server.close()` and `await rpc.drain()` end both in good order.
 */
export function attach(server: HttpServerLike | WebSocketServerLike, options: AttachOptions): RpcServer {
  const door = new Door("attach", options);
  if ("handleUpgrade" in server) takeSockets(server, door, options);
  else takeUpgrades(server, door, options);
  return door;
}

interface Route {
  readonly path: string | undefined;
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** One listener for all that is attached to a server, since each would take the others' paths for nobody's. */
const routes = new WeakMap<HttpServerLike, Route[]>();

function takeUpgrades(server: HttpServerLike, door: Door<IncomingMessage>, { path }: AttachOptions): void {
  const sockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: door.maxMessageBytes, perMessageDeflate: false });
  const route: Route = {
    path,
    take(request, socket, head) {
      // Until `ws` has it: a client that goes meanwhile is nobody's error.
      socket.on("error", ignore);
      void (async () => {
        const admitted = door.refusal(askedBy(request)) ?? (await door.admit(request));
        if ("status" in admitted) {
          refuse(socket, admitted);
        } else {
          socket.removeListener("error", ignore);
          sockets.handleUpgrade(request, socket, head, (opened) => void door.enter(opened as WebSocketLike, admitted.bootstrap, request));
        }
      })();
    },
  };
  const known = routes.get(server);
  if (known !== undefined) {
    known.push(route);
    return;
  }
  const all = [route];
  routes.set(server, all);
  server.on("upgrade", (request, socket, head) => {
    const asked = new URL(request.url ?? "/", "ws://host").pathname;
    const found = all.find(({ path }) => path === undefined || path === asked);
    if (found !== undefined) found.take(request, socket, head);
    else if (server.listenerCount("upgrade") === 1) refuse(socket, { status: 404, text: `There is nothing at ${asked}.` });
  });
}

function takeSockets(server: WebSocketServerLike, door: Door<IncomingMessage>, { path }: AttachOptions): void {
  if (path !== undefined) {
    throw new CapnpError("failed", "attach(webSocketServer, …) takes no path: give it to the WebSocketServer");
  }
  server.on("connection", async (socket: WebSocket, request) => {
    socket.on("error", ignore);
    // What comes while the object is made waits in the network.
    socket.pause();
    const admitted = door.refusal(askedBy(request)) ?? (await door.admit(request));
    if ("status" in admitted) {
      const { status, text } = admitted;
      socket.resume();
      socket.close(status === 500 ? FAILED : POLICY, Buffer.from(text).subarray(0, 120));
    } else if (socket.readyState === socket.OPEN) {
      door.enter(socket as WebSocketLike, admitted.bootstrap, request);
      socket.resume();
    }
  });
}

function askedBy({ headers }: IncomingMessage): { origin: string | undefined; host: string | undefined; upgrade: string | undefined } {
  return { origin: headers.origin, host: headers.host, upgrade: headers.upgrade };
}

function refuse(socket: Duplex, { status, text }: Refusal): void {
  socket.on("error", ignore);
  const body = `${text}\n`;
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, "Connection: close", "Content-Type: text/plain; charset=utf-8", `Content-Length: ${Buffer.byteLength(body)}`];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function ignore(): void {}
