import type { WebSocketLike } from "./types.js";

/** What differs between the places where JavaScript runs. */
export interface Platform {
  /** Begins to open a socket. */
  openSocket(url: string, options: { readonly maxMessageBytes: number }): WebSocketLike;
  /** Where a socket says when it is done with what it was sent: how to send bytes that are only lent. */
  lend?(socket: WebSocketLike): ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;
  /** How long the pieces of a stream best are, 64 KiB at most, if nothing else asks for shorter ones. */
  readonly bestPieceBytes: number;
  /** Makes an address absolute; throws when that is impossible. */
  resolve(url: string): URL;
}

/** Browsers, and whatever has a global `WebSocket` and fetches modules by address. */
export let platform: Platform = {
  openSocket(url) {
    if (globalThis.WebSocket === undefined) throw new Error("there is no WebSocket here; connectTransport() takes whatever else carries messages");
    return new WebSocket(url);
  },
  // Chromium takes frames of up to 64 KiB as a whole, and sees to two at a time if they have 131,000 bytes together. Longer ones go in
  // parts, each of which waits for the page. This leaves room for the call around a piece.
  bestPieceBytes: 64 * 1024 - 256,
  resolve: (url) => new URL(url, globalThis.location?.href),
};

/** Called by the entry point of a particular platform, for what is different there. */
export function setPlatform(different: Partial<Platform>): void {
  platform = { ...platform, ...different };
}

/**
 * Whether a socket copies what it is given before `send` returns. The platform's own WebSocket has to, and one written
 * in the platform's language cannot be relied on to.
 */
export function copiesAtOnce(socket: WebSocketLike): boolean {
  const Native = globalThis.WebSocket;
  return (
    typeof Native === "function" &&
    socket instanceof Native &&
    Function.prototype.toString.call(Native).includes("[native code]")
  );
}
