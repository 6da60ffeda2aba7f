import type { ClientOptions } from "ws";

/*
 * A WebSocket client masks what it sends with a key that nobody can foresee. The server gains nothing by it: it is for those in between
 * that read along without knowing WebSocket, and might take bytes that somebody has chosen for a request or an answer of HTTP, and keep
 * them for others. Where nobody is in between, the key may as well be zero. Then `ws` neither makes a buffer of each frame's length nor
 * goes through its bytes one by one, in JavaScript, which is three quarters of what a stream costs.
 */

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const ZERO: ClientOptions = { generateMask: (key) => void key.fill(0) };
const RANDOM: ClientOptions = {};

/** How a socket of `ws` is to mask what it sends to an absolute address. */
export function masking(url: string): ClientOptions {
  // What goes to this computer does not leave it. TLS would not do: somebody may take it apart on the way, and cannot be known to know WebSocket.
  const { protocol, hostname } = new URL(url);
  return protocol === "ws:" && LOOPBACK.test(hostname) ? ZERO : RANDOM;
}
