import type { WebSocket } from "../capnp/compat/http-over-capnp.capnp.js";
import { CapnpError, messageOf } from "../errors.js";
import { iterable, type IterableStream } from "../iterable-stream.js";
import { handled } from "../pending.js";
import { release } from "../release.js";
import { dispose } from "../symbols.js";

/** How a WebSocket was closed. 1005 is a close without a code. */
export interface HttpSocketClose {
  /** As in a close frame; 1000 for a good end. */
  readonly closeCode: number;
  /** A text, at most 123 bytes of UTF-8. */
  readonly reason: string;
}

/** A WebSocket of streams, in the shape of the platforms' `WebSocketStream`: strings are text messages, bytes are binary ones. */
export interface HttpSocket {
  /** Messages from the other side, which cannot send on while they are not read. Ends when that closes, and fails when it is lost. */
  readonly readable: IterableStream<string | Uint8Array<ArrayBuffer>>;
  /** Messages to the other side, taken as there is room. Closing it closes the WebSocket; aborting it drops it without a goodbye. */
  readonly writable: WritableStream<string | Uint8Array>;
  /** The protocol that was agreed on, or "". */
  readonly protocol: string;
  /** The headers that the server accepted with. */
  readonly headers: Headers;
  /** Resolves when both sides have closed; rejects when the WebSocket was lost before. */
  readonly closed: Promise<HttpSocketClose>;
  /** Closes, with a code from 1000 on or without one. Messages may still be read until the other side has closed. */
  close(info?: Partial<HttpSocketClose>): void;
}

/** One end of a WebSocket. */
export interface SocketEnd {
  readonly socket: HttpSocket;
  /** To be served to the other side. */
  readonly receiver: Partial<WebSocket.Server> & { [dispose](): void };
  fail(error: unknown): void;
  /** Resolves when nothing more comes or goes. */
  readonly over: Promise<void>;
}

const NO_CODE = 1005;

/** Makes an end that sends to `peer`, which it takes over. */
export function socketEnd(peer: WebSocket, headers: Headers): SocketEnd {
  let controller!: ReadableStreamDefaultController<string | Uint8Array<ArrayBuffer>>;
  let sending!: WritableStreamDefaultController;
  let taken: { resolve(): void; reject(error: unknown): void } | undefined;
  let received: HttpSocketClose | undefined;
  /** The close that was sent, when the other side has it. */
  let goodbye: Promise<unknown> | undefined;
  let isOver = false;
  let settle!: { resolve(close: HttpSocketClose): void; reject(error: unknown): void };
  const closed = handled(new Promise<HttpSocketClose>((resolve, reject) => (settle = { resolve, reject })));
  const lost = (what: string): CapnpError => new CapnpError("disconnected", what);

  const fail = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    settle.reject(error);
    taken?.reject(error);
    if (received === undefined) controller.error(error);
    sending.error(error);
    release(peer);
  };
  const finish = (close: HttpSocketClose): void => {
    if (isOver) return;
    isOver = true;
    settle.resolve(close);
    release(peer);
  };
  const sayGoodbye = (code: number, reason: string): Promise<unknown> => {
    goodbye ??= peer.close({ code, reason }).then(
      () => received && finish(received),
      (error: unknown) => {
        // Who has closed as well need not hear it any more.
        if (received !== undefined) finish(received);
        else fail(error);
      },
    );
    return goodbye;
  };
  const onTaken = (): void => {
    taken?.resolve();
    taken = undefined;
  };
  const take = (message: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      if (received !== undefined) throw new CapnpError("failed", "a message came behind the close");
      if (isOver) throw lost("nobody reads this WebSocket any more");
      taken = { resolve, reject };
      controller.enqueue(message as string | Uint8Array<ArrayBuffer>);
      if ((controller.desiredSize ?? 0) > 0) onTaken();
    });

  const readable = iterable(
    new ReadableStream<string | Uint8Array<ArrayBuffer>>({
      start: (its) => void (controller = its),
      pull: onTaken,
      cancel(reason) {
        received ??= { closeCode: NO_CODE, reason: "" };
        fail(lost(`the reader has left the WebSocket: ${messageOf(reason)}`));
      },
    }),
  );
  const writable = new WritableStream<string | Uint8Array>({
    start: (its) => void (sending = its),
    async write(message) {
      if (goodbye !== undefined) throw new TypeError(received === undefined ? "this WebSocket was closed" : "the other side has closed this WebSocket");
      try {
        await (typeof message === "string" ? peer.sendText({ text: message }) : peer.sendData({ data: message }));
      } catch (error) {
        if (error instanceof CapnpError) fail(error);
        throw error;
      }
    },
    async close() {
      await sayGoodbye(NO_CODE, "");
    },
    abort: (reason) => fail(reason),
  });

  const socket: HttpSocket = {
    readable,
    writable,
    protocol: headers.get("sec-websocket-protocol") ?? "",
    headers,
    closed,
    close({ closeCode = NO_CODE, reason = "" } = {}) {
      if (closeCode !== NO_CODE && !(closeCode >= 1000 && closeCode <= 4999)) throw new RangeError(`a WebSocket cannot be closed with the code ${closeCode}; use 1000, or one from 3000 to 4999`);
      if (new TextEncoder().encode(reason).length > 123) throw new RangeError("the reason for closing a WebSocket is too long; 123 bytes fit");
      if (!isOver) void sayGoodbye(closeCode, reason);
    },
  };
  return {
    socket,
    receiver: {
      sendText: ({ text }) => take(text),
      sendData: ({ data }) => take(data),
      close({ code, reason }) {
        if (received !== undefined || isOver) return;
        received = { closeCode: code, reason };
        controller.close();
        if (goodbye === undefined) {
          void sayGoodbye(code, reason);
        } else {
          void goodbye.then(() => finish({ closeCode: code, reason }));
        }
      },
      [dispose]() {
        if (received === undefined) fail(lost("the WebSocket broke off without a close: the other side gave up, or its connection was lost"));
      },
    },
    fail,
    over: closed.then(
      () => {},
      () => {},
    ),
  };
}
