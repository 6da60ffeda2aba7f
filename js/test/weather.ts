import { createServer, connect as connectTo, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** Numbers that look random and are the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }

  below(bound: number): number {
    return this.next() % bound;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** A network on the way to a server of this machine that delays, tears and cuts. */
export class BadNetwork {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(port: number, random: Random): Promise<BadNetwork> {
    const server = createServer({ noDelay: true });
    const network = new BadNetwork(server);
    server.on("connection", (client) => network.#join(client, connectTo({ port, host: "127.0.0.1", noDelay: true }), random));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, server: Socket, random: Random): void {
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    const reset = random.chance(50);
    const cut = (): void => {
      for (const socket of [client, server]) {
        if (reset) socket.resetAndDestroy();
        else socket.destroy();
      }
    };
    void carry(client, server, random).finally(cut);
    void carry(server, client, random).finally(cut);
  }
}

/** Carries bytes one way until they end, or until it is cut somewhere among them. */
async function carry(from: Socket, to: Socket, random: Random): Promise<void> {
  let left = random.chance(40) ? random.below(1 << (7 + random.below(14))) : Infinity;
  const delay = [0, 0, 0, 3][random.below(4)] as number;
  const pieceBytes = [50, 1000, 65536][random.below(3)] as number;
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let start = 0; start < chunk.length; start += pieceBytes) {
        const piece = chunk.subarray(start, start + Math.min(pieceBytes, left));
        left -= piece.length;
        if (delay > 0 && random.chance(pieceBytes < 1000 ? 1 : 10)) await new Promise((resolve) => setTimeout(resolve, random.below(delay)));
        if (!to.write(piece)) await Promise.race([once(to, "drain"), once(to, "close")]);
        if (left <= 0 || to.destroyed) return;
      }
    }
  } catch {
    // It was cut elsewhere.
  }
}
