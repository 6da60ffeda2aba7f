import { isBuffer } from "./buffers.js";
import { type Connection, type ConnectionOptions, overTransport } from "./connection.js";
import { initRuntime } from "./runtime.js";
import { wrong } from "./seam/writer.js";
import type { Transport, TransportEvents } from "./transport.js";

/** A MessagePort, a Worker or a worker's own global scope, of the platform's or of Node's `worker_threads`. */
export interface PortLike {
  /** Sends, and takes what is in the list out of here. */
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

type Listener = (event: never) => void;

/** Ports and workers of the platform's have events; Node's workers emit bare values. */
interface Emitter {
  addEventListener?(type: string, listener: Listener): void;
  removeEventListener?(type: string, listener: Listener): void;
  on?(type: string, listener: Listener): void;
  off?(type: string, listener: Listener): void;
  start?(): void;
}

/** Besides messages, which are bare buffers, two words pass: that one listens, and that one has gone. */
interface Word {
  readonly capstan: "hello" | "close";
  readonly reason?: string;
}

/**
 * Connects to the vat at the other end of a MessagePort, for instance the one in a dedicated Worker, which does the same with
 * `self` (in Node: `parentPort`). Both sides are alike: either may have a `bootstrap`. Resolves when the WebAssembly is
 * loaded here; messages wait until the other side listens, whichever comes first. Every message's buffer is transferred,
 * never shared.
 *
 * When the other side goes without a word, a MessagePort says so in some browsers and in Node, a Worker that is terminated does
 * not in browsers: call `close()` before `terminate()`.
 */
export async function connectPort(port: PortLike, options: ConnectionOptions = {}): Promise<Connection> {
  if (typeof (port as Partial<PortLike> | undefined)?.postMessage !== "function") throw wrong("connectPort()", "a MessagePort, a Worker, or the self of one", port);
  // It listens from now on: what comes while the WebAssembly is loaded would be lost.
  const transport = portTransport(port);
  await initRuntime();
  return overTransport(transport, "the other side of the port", options);
}

function portTransport(port: PortLike): Transport {
  let events: TransportEvents | undefined;
  /** Until there is someone to be told. */
  const arrived: ((events: TransportEvents) => void)[] = [];
  /** Until someone listens over there. */
  let waiting: Uint8Array<ArrayBuffer>[] | undefined = [];
  const tell = (event: (events: TransportEvents) => void): void => {
    if (events === undefined) arrived.push(event);
    else event(events);
  };
  const closed = (reason: string): void => tell((to) => to.closed(`the connection to the other side of the port is closed: ${reason}`));
  const post = (bytes: Uint8Array<ArrayBuffer>): void => port.postMessage(bytes.buffer, [bytes.buffer]);
  const say = (word: Word): void => port.postMessage(word, []);

  const onMessage = (data: unknown): void => {
    const word = (data as Partial<Word> | null)?.capstan;
    if (word === "hello" && waiting !== undefined) {
      // Said again, since the first may have come before anyone listened.
      say({ capstan: "hello" });
      const bytes = waiting;
      waiting = undefined;
      bytes.forEach(post);
    } else if (word === "close") {
      closed(String((data as Word).reason));
    } else if (word === undefined && isBuffer(data)) {
      // Whatever else passes through the port is somebody else's.
      tell((to) => to.message(new Uint8Array(data)));
    }
  };
  const onError = (event: { readonly message?: unknown }): void => {
    // A worker that runs survives an error that nobody caught; one that never spoke could not start.
    if (waiting !== undefined) closed(`the worker could not start: ${String(event?.message ?? "see the console")}`);
  };
  const onGone = (): void => closed("the other side is gone");
  const stopListening = listenTo(port, onMessage, { error: onError, close: onGone, exit: onGone });
  say({ capstan: "hello" });

  return {
    start(to) {
      events = to;
      for (const event of arrived.splice(0)) event(to);
    },
    send(bytes) {
      if (waiting === undefined) post(bytes);
      else waiting.push(bytes);
    },
    close(_code, reason) {
      stopListening();
      say({ capstan: "close", reason });
    },
  };
}

function listenTo(port: PortLike, onMessage: (data: unknown) => void, others: Readonly<Record<string, Listener>>): () => void {
  const emitter = port as unknown as Emitter;
  const hasEvents = emitter.addEventListener !== undefined;
  const listeners: readonly [string, Listener][] = [
    ["message", hasEvents ? (event: { readonly data: unknown }) => onMessage(event.data) : onMessage],
    ...Object.entries(others),
  ];
  for (const [type, listener] of listeners) {
    if (hasEvents) emitter.addEventListener?.(type, listener);
    else emitter.on?.(type, listener);
  }
  emitter.start?.();
  return () => {
    for (const [type, listener] of listeners) {
      if (hasEvents) emitter.removeEventListener?.(type, listener);
      else emitter.off?.(type, listener);
    }
  };
}
