import * as glue from "../wasm/capstan_web.js";
import { CapnpError, ERROR_KINDS } from "./errors.js";
import { discardPayload } from "./payload.js";
import { wrong } from "./seam/writer.js";
import { startTimer } from "./timer.js";
import type { CallOptions } from "./types.js";

/* The calls that wait for something of the vat's. Resolvers stay here; only integers cross into wasm. */

/** A call that has not returned, or a streamed one that waits for room. */
export interface Pending {
  readonly id: number;
  /** A call returned with this payload. Undefined for a streamed call. */
  readonly onReturn: ((payload: number) => void) | undefined;
  readonly onReady: (() => void) | undefined;
  readonly onFailed: (error: CapnpError) => void;
}

const pending: (Pending | undefined)[] = [];
/** Ids of calls carry a generation above these bits; live ones differ within them. */
const INDEX_MASK = 0xffffff;

/** Waits for what the vat will tell of the call. */
export function expect(entry: Pending): void {
  pending[entry.id & INDEX_MASK] = entry;
}

export function onReturn(id: number, payload: number): void {
  const entry = take(id);
  if (entry?.onReturn !== undefined) {
    entry.onReturn(payload);
  } else {
    discardPayload(payload);
  }
}

export function onReady(id: number): void {
  take(id)?.onReady?.();
}

export function onFailed(id: number): void {
  take(id)?.onFailed(takeFailure());
}

/** The failure that the vat told of last. */
export function takeFailure(): CapnpError {
  const kind = ERROR_KINDS[glue.failure_kind()] ?? "failed";
  const trace = glue.failure_trace();
  return new CapnpError(kind, glue.failure_reason(), { trace: trace === "" ? undefined : trace });
}

function take(id: number): Pending | undefined {
  const index = id & INDEX_MASK;
  const entry = pending[index];
  // An event may name a call that was given up since, and its place may be taken.
  if (entry === undefined || entry.id !== id) return undefined;
  pending[index] = undefined;
  return entry;
}

/** Nobody waits for this call any more. */
export function abandon(id: number): void {
  if (take(id) !== undefined) glue.drop_call(id);
}

/** Throws when the options are none that could be kept to, or already say to give up. */
export function checkPatience({ signal, timeout }: CallOptions): void {
  if (timeout !== undefined && (typeof timeout !== "number" || !(timeout >= 0))) throw wrong("timeout", "a number of milliseconds", timeout);
  if (signal && !signal.throwIfAborted) throw wrong("signal", "an AbortSignal", signal);
  signal?.throwIfAborted();
}

/** Calls `giveUp` when the options say so; hands back what ends the watching. */
export function giveUpOn(options: CallOptions, label: string, giveUp: (reason: unknown) => void): (() => void) | undefined {
  const { signal, timeout } = options;
  if (signal === undefined && timeout === undefined) return undefined;
  const onAbort = (): void => {
    cleanUp();
    giveUp(signal?.reason);
  };
  const unwatch = signal && watch(signal, onAbort);
  const timer = startTimer(timeout, () => {
    cleanUp();
    giveUp(new DOMException(`${label} took longer than ${timeout} ms`, "TimeoutError"));
  });
  const cleanUp = (): void => {
    unwatch?.();
    clearTimeout(timer);
  };
  // A getter among the parameters may have aborted it, when nobody listened yet.
  if (signal?.aborted === true) onAbort();
  return cleanUp;
}

interface Watch {
  readonly waiting: Set<() => void>;
  readonly onAbort: () => void;
}

/** One listener for all that wait for a signal: Node warns of more than ten. */
const watches = new WeakMap<AbortSignal, Watch>();

/** Calls `then` when the signal is aborted, until what this hands back is called. */
export function watch(signal: AbortSignal, then: () => void): () => void {
  let known = watches.get(signal);
  if (known === undefined) {
    const waiting = new Set<() => void>();
    known = { waiting, onAbort: () => waiting.forEach((each) => each()) };
    watches.set(signal, known);
    signal.addEventListener("abort", known.onAbort);
  }
  const { waiting, onAbort } = known;
  waiting.add(then);
  return () => {
    if (!waiting.delete(then) || waiting.size > 0) return;
    signal.removeEventListener("abort", onAbort);
    watches.delete(signal);
  };
}

/** Its failure is known elsewhere: no unhandled rejection comes of it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.then(undefined, () => {});
  return promise;
}
