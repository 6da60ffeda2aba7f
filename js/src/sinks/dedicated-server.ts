import * as glue from "../../wasm/capstan_web.js";
import { Dedicated } from "../capstan/sinks.capnp.js";
import { ClientBase, give, theClient } from "../client.js";
import { Connection } from "../connection.js";
import { CapnpError } from "../errors.js";
import { promised } from "../promised.js";
import { release } from "../release.js";
import { Capability } from "../seam/types.js";
import { serve } from "../serve.js";
import { startTimer } from "../timer.js";
import type { Client } from "../types.js";
import { onClosed, PARENT_CLOSED } from "./dedicated-client.js";

/** How much dedicated connections may cost. */
export interface DedicatedLimits {
  /** How many dedicated connections and unused tokens each connection may have; 16 by default. */
  readonly perConnection?: number | undefined;
  /** How many milliseconds a client may take to use a token; 30 seconds by default. */
  readonly tokenLifetime?: number | undefined;
}

const TOKEN_BYTES = 32;

/** Two connections that are to exchange a capability each. */
interface Meeting {
  readonly parent: Connection;
  readonly given: Client | undefined;
  settle(carried: Client | undefined, error?: CapnpError): void;
  /** One less of those that the parent may have. */
  leave(): void;
}

/**
 * Lets the clients of a server have connections of their own for single streams: those that are allowed share the tokens, which are
 * good nowhere else. To be used for all connections of a server, `dedicated.allow(accept(socket, { bootstrap }))`.
 */
export class DedicatedConnections {
  readonly #unused = new Map<string, Meeting>();
  readonly #perConnection: number;
  readonly #tokenLifetime: number;

  constructor(limits: DedicatedLimits = {}) {
    this.#perConnection = limits.perConnection ?? 16;
    this.#tokenLifetime = limits.tokenLifetime ?? 30_000;
  }

  /** Lets the client at the other end of a connection have them. To be called in the turn in which the connection was accepted; returns it. */
  allow(connection: Connection): Connection {
    let used = 0;
    let isJoined = false;
    const implementation: Partial<Dedicated.Server> = {
      open: ({ given }) => {
        if (used >= this.#perConnection) {
          throw new CapnpError(
            "overloaded",
            `this connection has ${this.#perConnection} dedicated connections, and may not have more; wait until streams end`,
          );
        }
        used++;
        const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
        const carried = this.#promise(bytes, connection, given, () => void used--);
        return { token: bytes, carried };
      },
      join: ({ token, carried }) => {
        const key = keyOf(token);
        // Used up even when it cannot be used: nobody has two tries.
        const meeting = this.#unused.get(key);
        this.#unused.delete(key);
        if (meeting === undefined) {
          throw new CapnpError(
            "failed",
            "this token is not known: it was used before, has expired, or is not of this server; open another dedicated connection. " +
              "(All connections of a server have to be allowed by the same DedicatedConnections.)",
          );
        }
        if (meeting.parent === connection || isJoined) {
          const error = new CapnpError("failed", "a dedicated connection has to be new: connect once more for each token");
          meeting.settle(undefined, error);
          meeting.leave();
          throw error;
        }
        isJoined = true;
        const forget = onClosed(meeting.parent, () => void connection.close(PARENT_CLOSED));
        void connection.closed.then(() => {
          forget();
          meeting.leave();
        });
        meeting.settle(carried);
        return { given: meeting.given && give(meeting.given) };
      },
    };
    const client = theClient(serve(Dedicated, implementation), "allow");
    glue.retain_cap(ClientBase.cap(client));
    glue.set_dedicated(Connection.id(connection), ClientBase.cap(client));
    release(client);
    return connection;
  }

  /** What stands for the capability that comes with the token. */
  #promise(token: Uint8Array, parent: Connection, given: Client | undefined, onLeft: () => void): Client {
    const key = keyOf(token);
    const later = new Promise<Client>((resolve, reject) => {
      const meeting: Meeting = {
        parent,
        given,
        settle(carried, error) {
          clearTimeout(timer);
          forget();
          if (carried !== undefined) resolve(carried);
          else reject(error ?? new CapnpError("failed", "nothing was carried over the dedicated connection"));
        },
        leave: onLeft,
      };
      const expire = (error: CapnpError): void => {
        if (!this.#unused.delete(key)) return;
        if (given !== undefined) release(given);
        meeting.settle(undefined, error);
        onLeft();
      };
      this.#unused.set(key, meeting);
      const timer = startTimer(this.#tokenLifetime, () =>
        expire(new CapnpError("failed", `the dedicated connection did not come within ${this.#tokenLifetime} ms`)),
      );
      const forget = onClosed(parent, () => expire(new CapnpError("disconnected", PARENT_CLOSED)));
    });
    return give(promised(Capability, later));
  }
}

function keyOf(token: Uint8Array): string {
  return Array.from(token, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
