import type { WebSocketLike } from "../types.js";

/** What is used of a server of Bun's. */
export interface BunServer {
  /** Makes a WebSocket of a request; false when it cannot be one. */
  upgrade(request: Request, options: { data: unknown }): boolean;
}

/** What is used of a socket of Bun's. */
export interface BunWebSocket {
  /** What the request was upgraded with. */
  readonly data: unknown;
  /** 1 when it is open. */
  readonly readyState: number;
  /** Sends a binary message. */
  sendBinary(data: Uint8Array<ArrayBuffer>): number;
  /** Closes it. */
  close(code?: number, reason?: string): void;
  /** Bytes that were given to it and have not left. */
  getBufferedAmount(): number;
}

/** What `Bun.serve` is given as `websocket`: its sockets have no listeners of their own. */
export interface BunHandlers {
  /** A WebSocket was opened. */
  readonly open: (socket: BunWebSocket) => void;
  /** A message has come. */
  readonly message: (socket: BunWebSocket, message: string | Uint8Array) => void;
  /** A WebSocket was closed. */
  readonly close: (socket: BunWebSocket, code: number, reason: string) => void;
  /** The longest message that is taken. */
  readonly maxPayloadLength: number;
  /** How much may wait in a socket. What is more Bun would throw away, so there is no such limit: flow control is elsewhere. */
  readonly backpressureLimit: number;
  /** Messages are not compressed: most do not gain by it, and each costs time. */
  readonly perMessageDeflate: false;
}

/** One of Bun's sockets as others are, with properties for what is to be told. */
export class BunSocket implements WebSocketLike {
  binaryType = "arraybuffer";
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly #onOpen: (socket: BunSocket) => void;
  #socket: BunWebSocket | undefined;

  constructor(onOpen: (socket: BunSocket) => void) {
    this.#onOpen = onOpen;
  }

  get readyState(): number {
    return this.#socket?.readyState ?? 0;
  }

  get bufferedAmount(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    // Less than nothing is what had to wait, which is fine.
    if (this.#socket?.sendBinary(data) === 0) throw new Error("the socket is closed, or did not take the message");
  }

  close(code?: number, reason?: string): void {
    this.#socket?.close(code, reason);
  }

  static handlers(maxMessageBytes: number): BunHandlers {
    const of = ({ data }: BunWebSocket): BunSocket | undefined => (data instanceof BunSocket ? data : undefined);
    return {
      open(socket) {
        const ours = of(socket);
        if (ours === undefined) return;
        ours.#socket = socket;
        ours.#onOpen(ours);
      },
      message: (socket, data) => of(socket)?.onmessage?.({ data }),
      close: (socket, code, reason) => of(socket)?.onclose?.({ code, reason }),
      maxPayloadLength: maxMessageBytes,
      backpressureLimit: 0xffff_ffff,
      perMessageDeflate: false,
    };
  }
}
