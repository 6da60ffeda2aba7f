import { isBuffer } from "./buffers.js";
import { copiesAtOnce, platform } from "./platform.js";
import type { Transport, TransportEvents } from "./transport.js";
import type { WebSocketLike } from "./types.js";

/** Kinds of sockets differ in what they declare of their events; what the events hold is the same for all. */
export type SocketListener = (event: never) => void;

interface Emitter {
  addEventListener?(type: string, listener: SocketListener): void;
  removeEventListener?(type: string, listener: SocketListener): void;
  [on: `on${string}`]: unknown;
}

/** All that a close frame has room for. */
const MAX_REASON_BYTES = 123;
const UNSUPPORTED_DATA = 1003;

const MEANINGS: Readonly<Record<number, string>> = {
  1000: "closed normally",
  1001: "the other side is going away",
  1002: "the other side saw a protocol error",
  1003: "the other side does not take such frames",
  1005: "closed without a code",
  1006: "lost without a goodbye: the other side died or the network failed",
  1007: "a frame was no message for the other side",
  1008: "refused by policy",
  1009: "a message was too long for the other side",
  1011: "the other side failed",
  1012: "the other side asks to come back later",
  1013: "the other side asks to come back later",
};

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

/**
 * An open socket as a transport. Anything will do that has `send`, `close`, `binaryType` and either `addEventListener`
 * or the `on…` properties: a browser's socket, one of `ws`, half of a Worker's pair.
 */
export function socketTransport(socket: WebSocketLike, name: string): Transport {
  let listeners: [string, SocketListener][] = [];
  const lend = platform.lend?.(socket);
  return {
    copiesAtOnce: lend !== undefined || copiesAtOnce(socket),
    get queuedBytes() {
      return socket.bufferedAmount;
    },
    start({ message, closed, refuse }: TransportEvents): void {
      let lastError = "";
      const onMessage = ({ data }: { data: unknown }): void => {
        const bytes = bytesOf(data);
        if (bytes !== undefined) {
          message(bytes);
        } else if (typeof data === "string") {
          refuse(UNSUPPORTED_DATA, `${name} sent a text frame, but Cap'n Proto messages come in binary frames only; is this the right address?`);
        } else {
          refuse(
            UNSUPPORTED_DATA,
            `the socket to ${name} gave a message that is no ArrayBuffer; use a socket that heeds binaryType = "arraybuffer", or has an array of bytes in \`data\``,
          );
        }
      };
      const onError = (event: { message?: unknown }): void => {
        if (typeof event.message === "string") lastError = event.message;
      };
      const onClose = ({ code, reason }: { code: number; reason: string }): void => {
        // The socket's own words say more than a code that stands for not knowing.
        closed(closedText(name, code, reason || lastError));
      };
      // What `ws` has read at once holds many messages: it would copy each of them to an ArrayBuffer of its own.
      socket.binaryType = lend === undefined ? "arraybuffer" : "nodebuffer";
      listeners = [
        ["message", onMessage],
        ["error", onError],
        ["close", onClose],
      ];
      for (const [type, listener] of listeners) listen(socket, type, listener);
    },
    send: lend ?? ((bytes) => socket.send(bytes)),
    close(code, reason) {
      for (const [type, listener] of listeners) unlisten(socket, type, listener);
      const text = atMost(reason, MAX_REASON_BYTES);
      try {
        socket.close(code, text);
      } catch {
        // Browsers let a page say only 1000 and codes from 3000 up.
        socket.close(code + 3000, text);
      }
    },
  };
}

function bytesOf(data: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return data instanceof ArrayBuffer || isBuffer(data) ? new Uint8Array(data) : undefined;
}

/** The longest beginning of `text` that is no longer than so many bytes and ends between characters. */
function atMost(text: string, limitBytes: number): string {
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(limitBytes)).read);
}

function closedText(name: string, code: number, reason: string): string {
  const meaning =
    // What the `ws` package says of the limit it was given.
    reason === "Max payload size exceeded"
      ? "it sent a message longer than maxMessageBytes; raise that or let it send less at once"
      : (MEANINGS[code > 4000 ? code - 3000 : code] ?? "closed");
  const quoted = reason === "" ? "" : `, "${reason}"`;
  return `the connection to ${name} is closed: ${meaning} (WebSocket code ${code}${quoted})`;
}
