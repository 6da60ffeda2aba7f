import { type ClientBase, setTracker, shortName } from "./client.js";
import type { InterfaceInfo } from "./seam/descriptor.js";

/** A client that nobody has released. */
export interface UnreleasedClient {
  /** The name of its interface. */
  readonly type: string;
  /** The stack where it was made: of the call whose results it came in, or the parameters that it came in. */
  readonly madeAt: string;
}

/** What `trackClients` gives. */
export interface ClientTracking {
  /** The clients made since the tracking began, and neither released nor collected, oldest first. */
  unreleased(): UnreleasedClient[];
  /** Ends the tracking. */
  stop(): void;
}

/**
 * A debug mode: from now on it is known where each client was made that is not released. `onLeak` is told of those that
 * the garbage collector had to release; by default a warning on the console is. Costs a stack trace for each call.
 */
export function trackClients(onLeak: (client: UnreleasedClient) => void = warn): ClientTracking {
  const known = new Map<object, UnreleasedClient>();
  const keys = new WeakMap<ClientBase, object>();
  const collected = new FinalizationRegistry<object>((key) => {
    const leaked = known.get(key);
    known.delete(key);
    if (leaked !== undefined) onLeak(leaked);
  });
  let place: string | undefined;
  setTracker({
    made(client: ClientBase, type: InterfaceInfo) {
      const key = {};
      keys.set(client, key);
      known.set(key, { type: shortName(type.name), madeAt: place ?? here() });
      collected.register(client, key);
    },
    released(client) {
      const key = keys.get(client);
      if (key !== undefined) known.delete(key);
    },
    here,
    from(to) {
      place = to;
    },
  });
  return {
    unreleased: () => [...known.values()],
    stop() {
      setTracker(undefined);
      known.clear();
    },
  };
}

/** The stack without this package's own frames, where they can be told. */
function here(): string {
  const lines = (new Error().stack ?? "").split("\n").filter((line) => !line.startsWith("Error"));
  // Before the place, some browsers have "at here (" and others "here@".
  const own = /([^\s@(]+\/)debug\.[jt]s/.exec(lines[0] ?? "")?.[1];
  const others = own === undefined ? lines : lines.filter((line) => !line.includes(own));
  return others.map((line) => line.trim()).join("\n");
}

function warn({ type, madeAt }: UnreleasedClient): void {
  console.warn(`a client of ${type} was collected without having been released; it was made\n${madeAt}`);
}
