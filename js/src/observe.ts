import { ClientBase, streamStats, theClient } from "./client.js";
import { Connection } from "./connection.js";
import type { ConnectionStats, StreamStats } from "./types.js";

/** How `observe` looks. */
export interface ObserveOptions {
  /** Milliseconds from one look to the next; 100 by default. */
  readonly interval?: number | undefined;
  /** Aborting it ends the looking, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** What was seen, and when: milliseconds as `performance.now()` tells them. */
export type Sample<Stats> = Stats & {
  /** When, in milliseconds of `performance.now()`. */
  readonly at: number;
};

/**
 * Looks at a connection, or at the stream of a client, again and again: `for await (const { window, inFlight } of observe(sink))`. Ends
 * with the connection, or when the client is released; of a client before its first streamed call there is nothing to see.
 */
export function observe(connection: Connection, options?: ObserveOptions): AsyncGenerator<Sample<ConnectionStats>, void, undefined>;
export function observe(client: object, options?: ObserveOptions): AsyncGenerator<Sample<StreamStats>, void, undefined>;
export function observe(target: object, options: ObserveOptions = {}): AsyncGenerator<Sample<object>, void, undefined> {
  const { interval = 100, signal } = options;
  if (!(interval >= 1 && interval < Infinity)) throw new RangeError(`interval: expected milliseconds, 1 at least, got ${interval}`);
  if (!(target instanceof Connection)) {
    const client = theClient(target, "observe");
    return look(() => streamStats(client), () => ClientBase.isReleased(client), interval, signal);
  }
  let isClosed = false;
  void target.closed.then(() => {
    isClosed = true;
  });
  return look(() => target.stats(), () => isClosed, interval, signal);
}

async function* look(
  stats: () => object | undefined,
  isOver: () => boolean,
  interval: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Sample<object>, void, undefined> {
  while (!isOver() && signal?.aborted !== true) {
    const seen = stats();
    if (seen !== undefined) yield { at: performance.now(), ...seen };
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}
