import { CapnpError, type Connection, connect, give, release, serve } from "capstan";
import { rpcUrl } from "../../shared/page.js";
import { Guest, type News, Room, type Seat } from "../chat.capnp.js";

/** Told of what happens, in order. */
export interface Visitor {
  /** There is a seat, for the first time or again. */
  joined(name: string, present: readonly string[], recent: readonly News[]): void;
  hear(news: News): void;
  /** The connection was lost; the next attempt is in so many milliseconds. */
  lost(reason: string, retryMs: number): void;
}

const RETRY_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Whoever is silent for so long is asked for a sign of life. */
const IDLE_MS = 20_000;

/** One person's stay in the room: takes a seat, and takes one again whenever the connection was lost. */
export class Stay {
  readonly #name: string;
  readonly #visitor: Visitor;
  readonly #over = new AbortController();
  #connection: Connection | undefined;
  #seat: Seat | undefined;

  constructor(name: string, visitor: Visitor) {
    this.#name = name;
    this.#visitor = visitor;
  }

  /** Stays until `leave`. Fails only when the server does not want the visitor. */
  async stay(): Promise<void> {
    let retryMs = RETRY_MS;
    while (!this.#over.signal.aborted) {
      let reason: string;
      try {
        const connection = await this.#takeSeat();
        retryMs = RETRY_MS;
        reason = (await connection.closed).reason;
      } catch (error) {
        if (!(error instanceof CapnpError) || error.kind !== "disconnected") throw error;
        reason = error.reason;
      }
      this.#seat = undefined;
      if (this.#over.signal.aborted) return;
      this.#visitor.lost(reason, retryMs);
      await this.#pause(retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    }
  }

  async say(text: string): Promise<void> {
    if (this.#seat === undefined) throw new CapnpError("disconnected", "there is no connection at the moment");
    await this.#seat.say({ text });
  }

  /** Lets go of the seat: the others hear of it. */
  async leave(): Promise<void> {
    this.#over.abort();
    if (this.#seat !== undefined) release(this.#seat);
    this.#seat = undefined;
    await this.#connection?.close();
  }

  async #takeSeat(): Promise<Connection> {
    const connection = await connect(rpcUrl(), { limits: { idleTimeout: IDLE_MS } });
    this.#connection = connection;
    try {
      // What is heard before the answer has come is news that is not in the answer.
      const early: News[] = [];
      let hear = (news: News): void => void early.push(news);
      const guest = serve(Guest, {
        hear({ news }) {
          if (news !== undefined) hear(news);
        },
      });
      const { seat, name, present, recent } = await connection.bootstrap(Room).join({ name: this.#name, guest: give(guest) });
      this.#seat = seat;
      this.#visitor.joined(name, present, recent);
      hear = (news) => this.#visitor.hear(news);
      for (const news of early) hear(news);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Resolves after that time, or at once when the stay is over. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#over.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
