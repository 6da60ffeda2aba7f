import { afterEach } from "vitest";
import { httpClient, type HttpClientOptions, type HttpFetch, type HttpHandler, HttpService, serveHttp, type ServeHttpOptions } from "../../src/http.js";
import { release } from "../../src/node.js";
import { turn } from "../sockets.js";
import { connectPair, type Pair } from "../support.js";

export interface HttpPair extends Pair {
  service: HttpService;
  fetch: HttpFetch;
}

const clients: HttpService[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) release(client);
});

/** A client here of a handler at the other end of a connection. */
export function connectHttp(handler: HttpHandler, options: ServeHttpOptions = {}, clientOptions: HttpClientOptions = {}): HttpPair {
  const served = serveHttp(handler, options);
  const pair = connectPair(served);
  const service = pair.near.bootstrap(HttpService);
  clients.push(served, service);
  return { ...pair, service, fetch: httpClient(service, clientOptions) };
}

/** Waits until nothing is left of what went over the connection but the services themselves. */
export async function untilIdle(pair: Pair): Promise<{ near: object; far: object }> {
  const left = () => {
    const [near, far] = [pair.near, pair.far].map((each) => each.stats()) as [ReturnType<typeof pair.near.stats>, ReturnType<typeof pair.far.stats>];
    return { near: { questions: near.questions, answers: near.answers, exports: near.exports }, far: { questions: far.questions, answers: far.answers, imports: far.imports } };
  };
  for (let tries = 0; tries < 200; tries++) {
    const { near, far } = left();
    if ([...Object.values(near), ...Object.values(far)].every((count) => count === 0)) break;
    await turn();
  }
  return left();
}

export const IDLE = { near: { questions: 0, answers: 0, exports: 0 }, far: { questions: 0, answers: 0, imports: 0 } };

/** `count` chunks of so many bytes, made as they are asked for. */
export function chunks(count: number, bytes: number, onPull: (made: number) => void = () => {}): ReadableStream<Uint8Array<ArrayBuffer>> {
  let made = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (made === count) return controller.close();
        controller.enqueue(new Uint8Array(bytes).fill(made++));
        onPull(made);
      },
    },
    { highWaterMark: 0 },
  );
}
