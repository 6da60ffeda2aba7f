import type { WebSocketLike } from "./types.js";

/** Kinds of sockets differ in what they declare of their events; what the events hold is the same for all. */
export type SocketListener = (event: never) => void;

interface Emitter {
  addEventListener?(type: string, listener: SocketListener): void;
  removeEventListener?(type: string, listener: SocketListener): void;
  [on: `on${string}`]: unknown;
}

export function listen(socket: WebSocketLike, type: string, listener: SocketListener): void {
  const emitter = socket as unknown as Emitter;
  if (emitter.addEventListener !== undefined) emitter.addEventListener(type, listener);
  else emitter[`on${type}`] = listener;
}

export function unlisten(socket: WebSocketLike, type: string, listener: SocketListener): void {
  const emitter = socket as unknown as Emitter;
  if (emitter.removeEventListener !== undefined) emitter.removeEventListener(type, listener);
  else if (emitter[`on${type}`] === listener) emitter[`on${type}`] = null;
}

/** An error of a socket is followed by its close; unheard, some kinds of sockets would throw it. */
export function ignoreErrors(socket: WebSocketLike): void {
  listen(socket, "error", () => {});
}
