import type { Transport, TransportEvents } from "capstan";

/**
 * A WebSocket on which each message takes `delay` milliseconds longer, in either direction. Like on a long way, messages do not wait for each other: a
 * hundred that are sent together arrive together.
 */
export class SlowLink implements Transport {
  readonly #socket: WebSocket;
  readonly #delay: () => number;
  readonly #waiting: (() => void)[] = [];

  /** `delay` is asked for each message. */
  constructor(url: string, delay: () => number) {
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#delay = delay;
  }

  /** Resolves when messages can be sent. */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.addEventListener("open", () => resolve());
      this.#socket.addEventListener("close", () => reject(new Error(`there is no server at ${this.#socket.url}`)));
    });
  }

  start(events: TransportEvents): void {
    this.#socket.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#later(() => events.message(data));
    });
    this.#socket.addEventListener("close", () => this.#later(() => events.closed("the server closed the connection, or was lost")));
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    this.#later(() => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
    });
  }

  close(code: number, reason: string): void {
    this.#later(() => this.#socket.close(code === 1000 ? 1000 : 4000, reason.slice(0, 40)));
  }

  /** Timers are not exact enough to keep an order: whichever runs out, what has waited longest goes next. */
  #later(run: () => void): void {
    this.#waiting.push(run);
    setTimeout(() => this.#waiting.shift()?.(), this.#delay());
  }
}
