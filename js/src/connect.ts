import { checkOptions, type Connection, type ConnectionOptions, OFFER, OFFER_LONG, overSocket } from "./connection.js";
import { CapnpError, messageOf } from "./errors.js";
import { checkPatience } from "./pending.js";
import { copiesAtOnce, platform } from "./platform.js";
import { initRuntime } from "./runtime.js";
import { ignoreErrors, listen, type SocketListener, unlisten } from "./socket.js";
import { startTimer } from "./timer.js";
import type { WebSocketLike } from "./types.js";

/** What may be chosen about a connection that is to be made. */
export interface ConnectOptions extends ConnectionOptions {
  /** Gives up connecting when aborted; the connection, once there, does not mind it. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for the connection; 30 seconds by default, `Infinity` for as long as it takes. */
  readonly timeout?: number | undefined;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Connects to a Cap'n Proto server behind a WebSocket address, `ws:` or `wss:` (`http:` and `https:` mean the same; in a
 * page the address may be relative). Loads the WebAssembly, and resolves when the connection is open.
 *
 * @throws CapnpError of the kind `disconnected` that names the address, the cause and what to do; the signal's reason; RangeError
 * or TypeError for options that make no sense.
 * @example
 * await using conn = await connect("wss://example.com/rpc", { timeout: 5_000 }); // milliseconds
 * const files = conn.bootstrap(Files);
 * const { entries } = await files.list();
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Connection> {
  const address = socketAddress(url);
  const { maxMessageBytes } = checkOptions(options);
  const { signal, timeout = DEFAULT_TIMEOUT } = options;
  checkPatience(options);
  await initRuntime();
  signal?.throwIfAborted();
  let socket: WebSocketLike;
  try {
    socket = platform.openSocket(address, { maxMessageBytes });
  } catch (error) {
    throw cannotConnect(address, messageOf(error), error);
  }
  ignoreErrors(socket);
  const connection = await opened(socket, address, timeout, signal, () =>
    overSocket(socket, address, options, copiesAtOnce(socket) ? OFFER_LONG : OFFER),
  );
  addresses.set(connection, { url: address, options });
  return connection;
}

interface Address {
  readonly url: string;
  readonly options: ConnectOptions;
}

const addresses = /* @__PURE__ */ new WeakMap<Connection, Address>();

/** How a connection was made, if `connect` has made it. */
export function addressOf(connection: Connection): Address | undefined {
  return addresses.get(connection);
}

/** Runs `then` in the very turn in which the socket opens, so that it misses no message. */
function opened<T>(
  socket: WebSocketLike,
  address: string,
  timeout: number,
  signal: AbortSignal | undefined,
  then: () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cause: unknown;
    const onError = (event: { message?: unknown; error?: unknown }): void => {
      cause = event.error ?? event.message;
    };
    const onOpen = (): void => {
      cleanUp();
      try {
        resolve(then());
      } catch (error) {
        socket.close();
        reject(error);
      }
    };
    const onClose = (event: { code: number; reason: string }): void => {
      cleanUp();
      reject(cannotConnect(address, causeText(cause, event), cause));
    };
    const onAbort = (): void => {
      cleanUp();
      socket.close();
      reject(signal?.reason);
    };
    const timer = startTimer(timeout, () => {
      cleanUp();
      socket.close();
      reject(cannotConnect(address, `no answer within ${timeout} ms; is the server reachable and does it speak WebSocket there?`));
    });
    const cleanUp = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      for (const [type, listener] of listeners) unlisten(socket, type, listener);
    };
    const listeners: [string, SocketListener][] = [
      ["error", onError],
      ["open", onOpen],
      ["close", onClose],
    ];
    signal?.addEventListener("abort", onAbort);
    for (const [type, listener] of listeners) listen(socket, type, listener);
  });
}

function socketAddress(url: string | URL): string {
  let address: URL;
  try {
    address = platform.resolve(String(url));
  } catch (error) {
    throw cannotConnect(String(url), "this is no address; give one like wss://example.com/rpc", error);
  }
  if (address.protocol === "http:") address.protocol = "ws:";
  if (address.protocol === "https:") address.protocol = "wss:";
  if (address.protocol !== "ws:" && address.protocol !== "wss:") {
    throw cannotConnect(String(url), `${address.protocol} is not spoken here; give an address that begins with ws:// or wss://`);
  }
  // A WebSocket address has no fragment, and the constructor refuses one.
  address.hash = "";
  return address.href;
}

function cannotConnect(address: string, cause: string, error?: unknown): CapnpError {
  return new CapnpError("disconnected", `cannot connect to ${address}: ${cause}`, { cause: error });
}

/** The cause and what to do about it. */
function causeText(cause: unknown, event: { code: number; reason: string }): string {
  const text = withCode(cause);
  if (text === "") {
    const closed = event.reason === "" ? "" : ` (closed with code ${event.code}, "${event.reason}")`;
    return (
      `the connection was refused${closed}; browsers do not tell scripts why. Check that the server runs, that host, port and path ` +
      "are right, for wss: its certificate, and the browser's console" +
      (globalThis.navigator?.onLine === false ? ". This browser is offline" : "")
    );
  }
  return `${text}${advice(text)}`;
}

function withCode(cause: unknown): string {
  if (typeof cause === "string") return cause;
  if (typeof cause !== "object" || cause === null) return "";
  // When a name has several addresses, Node gives one error for each and no text of its own.
  const inner = "errors" in cause && Array.isArray(cause.errors) ? (cause.errors[0] as unknown) : undefined;
  if (inner !== undefined) return withCode(inner);
  return messageOf(cause).trim(); // those of TLS end in a line break
}

function advice(text: string): string {
  if (/ECONNREFUSED/.test(text)) return "; nothing listens there: is the server running, and are host and port right?";
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return "; the host's name is unknown: is it spelt right?";
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(text)) return "; the host cannot be reached: check the network and the address";
  if (/response: (404|410|200)/.test(text)) return "; the server has no RPC at this path: check the path of the address";
  if (/response: 40[13]/.test(text)) return "; the server refuses this client: check its credentials and origin";
  if (/response: 5\d\d/.test(text)) return "; the server failed: see its log";
  if (/certificate|CERT|SSL|TLS/.test(text)) return "; check the server's certificate, or whether ws: was meant";
  return "; check that a Cap'n Proto server over WebSocket runs there";
}
