import { Message } from "../src/capnp/rpc.capnp.js";
import { read } from "../src/messages/views.js";
import type { WebSocketLike } from "../src/index.js";

type Listener = (event: never) => void;

/**
 * One end of a pair of WebSocket-shaped objects without a network between them. What is sent arrives in a later
 * microtask, unless it is held.
 */
export class PairSocket implements WebSocketLike {
  binaryType = "blob";
  readyState = 1;
  /** What was given to `send`, as it was given. */
  readonly given: Uint8Array[] = [];
  /** How this end was closed, if it was. */
  closedWith: { code: number; reason: string } | undefined;
  peer!: PairSocket;
  #listeners = new Map<string, Set<Listener>>();
  #held: ArrayBuffer[] | undefined;

  addEventListener(type: string, listener: Listener): void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener);
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 1) throw new Error("the socket is closed");
    this.given.push(data);
    const copy = data.slice().buffer;
    if (this.#held !== undefined) this.#held.push(copy);
    else this.#deliver(copy);
  }

  close(code = 1000, reason = ""): void {
    if (this.readyState === 3) return;
    this.closedWith = { code, reason };
    this.#goAway(code, reason);
    this.peer.#goAway(code, reason);
  }

  /** Ends without a goodbye, as when the network fails. */
  break(): void {
    this.#goAway(1006, "");
    this.peer.#goAway(1006, "");
  }

  /** From now on, what this end sends waits. */
  hold(): void {
    this.#held ??= [];
  }

  get heldCount(): number {
    return this.#held?.length ?? 0;
  }

  /** Lets the first of what waits arrive. */
  passOne(): void {
    const first = this.#held?.shift();
    if (first === undefined) throw new Error("nothing is held");
    this.#deliver(first);
  }

  /** Lets everything arrive, now and from now on. */
  pass(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const data of held) this.#deliver(data);
  }

  /** As if the other end had sent this. */
  receive(data: unknown): void {
    this.emit("message", { data });
  }

  emit(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  listenerCount(type: string): number {
    return this.#listeners.get(type)?.size ?? 0;
  }

  #deliver(data: ArrayBuffer): void {
    queueMicrotask(() => this.peer.receive(data));
  }

  #goAway(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.emit("close", { code, reason }));
  }
}

export function socketPair(): [PairSocket, PairSocket] {
  const a = new PairSocket();
  const b = new PairSocket();
  a.peer = b;
  b.peer = a;
  return [a, b];
}

/** Lets everything that is under way in this process arrive. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Whether a promise is settled, and how. */
export async function state(promise: Promise<unknown>): Promise<"pending" | "resolved" | "rejected"> {
  await turn();
  const pending = Symbol("pending");
  try {
    return (await Promise.race([promise, Promise.resolve(pending)])) === pending ? "pending" : "resolved";
  } catch {
    return "rejected";
  }
}

/** The kinds of messages that one end has sent, and of returns what they are. */
export function sentOver(socket: PairSocket): string[] {
  return socket.given.map((frame) => {
    using message = read(Message, frame);
    return message.which === "return" ? `return ${message.return?.which}` : String(message.which);
  });
}
