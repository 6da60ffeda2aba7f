import { describe, expect, test } from "vitest";
import { ByteStream } from "../../src/capnp/compat/byte-stream.capnp.js";
import { HttpService, httpClient } from "../../src/http.js";
import { CapnpError, give, release, serve } from "../../src/node.js";
import { turn } from "../sockets.js";
import { connectPair } from "../support.js";
import { chunks, connectHttp, IDLE, untilIdle } from "./support.js";

const streaming = (body: BodyInit, more: RequestInit = {}): RequestInit => ({ method: "POST", body, duplex: "half", ...more }) as RequestInit;

async function lengthOf(stream: ReadableStream<Uint8Array> | null): Promise<number> {
  let length = 0;
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) length += chunk.length;
  return length;
}

/** Gives bytes, one chunk each turn, until it is canceled. */
function endless(onCanceled: (reason: unknown) => void = () => {}): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      await turn();
      controller.enqueue(new Uint8Array(1000));
    },
    cancel: onCanceled,
  });
}

/** Turns until `happened`, or for long enough that it will not. */
async function until(happened: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !happened(); tries++) await turn();
  expect(happened()).toBe(true);
}

describe("bodies", () => {
  test("stream both ways at once", async () => {
    const pair = connectHttp((request) => new Response(request.body));
    const response = await pair.fetch("/", streaming(chunks(64, 64 * 1024)));
    await expect(lengthOf(response.body)).resolves.toBe(64 * 64 * 1024);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("are made as fast as they are read", async () => {
    let [up, down] = [0, 0];
    let read!: () => void;
    const goOn = new Promise<void>((resolve) => (read = resolve));
    const pair = connectHttp(async (request) => {
      if (request.method === "GET") return new Response(chunks(1000, 64 * 1024, (made) => (down = made)));
      await goOn;
      return new Response(String(await lengthOf(request.body)));
    });
    const uploading = pair.fetch("/", streaming(chunks(1000, 64 * 1024, (made) => (up = made))));
    const download = await pair.fetch("/");
    for (let tries = 0; tries < 200; tries++) await turn();
    // What is on the way, in the window and in the streams on either side of it; not the other nine tenths.
    expect(up).toBeLessThan(100);
    expect(down).toBeLessThan(100);
    read();
    await expect((await uploading).text()).resolves.toBe(String(1000 * 64 * 1024));
    await expect(lengthOf(download.body)).resolves.toBe(1000 * 64 * 1024);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("of a response that nobody reads on end the request", async () => {
    let canceled: unknown;
    const body = (): ReadableStream<Uint8Array> => endless((reason) => (canceled = reason));
    const pair = connectHttp(() => new Response(body()));
    const response = await pair.fetch("/");
    await response.body?.cancel("enough");
    await until(() => canceled !== undefined);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("of a request that the handler does not read are not sent on", async () => {
    let canceled: unknown;
    const body: ReadableStream<Uint8Array> = endless((reason) => (canceled = reason));
    const pair = connectHttp(() => new Response("early", { status: 413 }));
    const response = await pair.fetch("/", streaming(body));
    await expect(response.text()).resolves.toBe("early");
    await until(() => canceled !== undefined);
    expect(canceled).toMatchObject({ kind: "disconnected" });
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("that fail at their source fail at their reader, with nothing that looks complete", async () => {
    const failing = (): ReadableStream<Uint8Array> => {
      let made = 0;
      return new ReadableStream({ pull: (c) => (made++ < 3 ? c.enqueue(new Uint8Array(1000)) : c.error(new Error("torn"))) });
    };
    let atServer: unknown;
    const pair = connectHttp(async (request) => {
      if (request.method === "GET") return new Response(failing());
      atServer = await lengthOf(request.body).catch((error: unknown) => error);
      return new Response("?");
    });
    const response = await pair.fetch("/");
    await expect(response.text()).rejects.toThrow("torn");
    await expect(pair.fetch("/", streaming(failing()))).rejects.toThrow("torn");
    await until(() => atServer !== undefined);
    expect(atServer).toBeInstanceOf(CapnpError);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("must have the length that their headers say", async () => {
    let atServer: unknown;
    const pair = connectHttp(async (request) => {
      if (request.method === "GET") return new Response(chunks(2, 1000), { headers: { "content-length": new URL(request.url).pathname.slice(1) } });
      atServer = await lengthOf(request.body).catch((error: unknown) => error);
      return new Response("?");
    });
    for (const length of [1500, 2500]) {
      const response = await pair.fetch(`/${length}`);
      expect(response.headers.get("content-length")).toBe(String(length));
      await expect(lengthOf(response.body)).rejects.toThrow(String(length));
      atServer = undefined;
      await expect(pair.fetch("/", streaming(chunks(2, 1000), { headers: { "content-length": String(length) } }))).rejects.toThrow(String(length));
      await until(() => atServer !== undefined);
      expect(atServer).toBeInstanceOf(Error);
    }
    await expect(lengthOf((await pair.fetch("/2000")).body)).resolves.toBe(2000);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("of a peer that announces another length than it sends are not taken for whole", async () => {
    const served = serve(HttpService, {
      async request({ context }) {
        for (const count of [10, 30]) {
          const started = context?.startResponse({ response: { statusCode: 200, bodySize: { which: "fixed", fixed: 20 } } });
          const body = started?.body as ByteStream;
          await body.write({ bytes: new Uint8Array(count) });
          await body.end();
        }
        return {};
      },
    });
    using service = connectPair(served).near.bootstrap(HttpService);
    const response = await httpClient(service)("/");
    await expect(response.arrayBuffer()).rejects.toThrow("ended after 10 of the 20 bytes");
    release(served);
  });
});

describe("aborting", () => {
  test("before the response cancels the call", async () => {
    const aborted: unknown[] = [];
    const pair = connectHttp((request, { signal }) => {
      request.signal.addEventListener("abort", () => aborted.push("request"));
      signal.addEventListener("abort", () => aborted.push("context"));
      return new Promise<Response>(() => {});
    });
    const canceler = new AbortController();
    const answer = pair.fetch("/", { signal: canceler.signal });
    await turn();
    canceler.abort(new Error("never mind"));
    await expect(answer).rejects.toThrow("never mind");
    await until(() => aborted.length === 2);
    await expect(pair.fetch("/", { signal: AbortSignal.abort(new Error("too late")) })).rejects.toThrow("too late");
  });

  test("while bodies are under way breaks both, on both sides", async () => {
    let atServer: unknown;
    let canceled: unknown;
    const pair = connectHttp((request) => {
      void lengthOf(request.body).catch((error: unknown) => (atServer = error));
      return new Response(endless((reason) => (canceled = reason)));
    });
    const canceler = new AbortController();
    let left: unknown;
    const body: ReadableStream<Uint8Array> = endless((reason) => (left = reason));
    const response = await pair.fetch("/", streaming(body, { signal: canceler.signal }));
    const reading = lengthOf(response.body);
    reading.catch(() => {});
    await turn();
    canceler.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(left).toMatchObject({ message: "enough" });
    await until(() => canceled !== undefined && atServer !== undefined);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });
});

describe("a handler", () => {
  test("that throws fails the request", async () => {
    const pair = connectHttp(async (request) => {
      await request.text();
      throw new CapnpError("overloaded", "not now");
    });
    await expect(pair.fetch("/", streaming("abc"))).rejects.toMatchObject({ kind: "overloaded", reason: "not now" });
    const silent = connectHttp(() => {});
    await expect(silent.fetch("/")).rejects.toThrow("the HTTP handler returned no Response");
    await expect(connectHttp(() => Response.error()).fetch("/")).rejects.toThrow("no response that can be sent");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("that a peer does not have is an error and not a wait", async () => {
    const served = serve(HttpService, { request: () => ({}) });
    using service = connectPair(served).near.bootstrap(HttpService);
    await expect(httpClient(service)("/")).rejects.toThrow("the server ended the request without a response");
    await expect(httpClient(service, { startRequest: true })("/")).rejects.toMatchObject({ kind: "unimplemented" });
    release(served);
  });
});

describe("a lost connection", () => {
  test("breaks the body of a response, whatever has arrived of it", async () => {
    for (const headers of [{}, { "content-length": "5000" }]) {
      const pair = connectHttp(() => {
        let made = 0;
        return new Response(new ReadableStream<Uint8Array>({ pull: (c) => (made++ < 3 ? c.enqueue(new Uint8Array(1000)) : new Promise(() => {})) }), { headers });
      });
      const response = await pair.fetch("/");
      const reading = lengthOf(response.body);
      reading.catch(() => {});
      for (let turns = 0; turns < 20; turns++) await turn();
      pair.nearSocket.break();
      await expect(reading).rejects.toMatchObject({ kind: "disconnected" });
    }
  });

  test("rejects requests that wait, and breaks the bodies that the server reads", async () => {
    let atServer: unknown;
    const pair = connectHttp(async (request) => {
      atServer = await lengthOf(request.body).catch((error: unknown) => error);
      return new Response("?");
    });
    const waiting = pair.fetch("/", streaming(endless()));
    waiting.catch(() => {});
    for (let turns = 0; turns < 20; turns++) await turn();
    pair.nearSocket.break();
    await expect(waiting).rejects.toMatchObject({ kind: "disconnected" });
    await until(() => atServer !== undefined);
    expect(atServer).toMatchObject({ kind: "disconnected" });
  });
});

describe("getSubstream", () => {
  test("writes to the same body until its limit, and then to what the callback says", async () => {
    const log: unknown[] = [];
    const rest: number[] = [];
    let release_!: () => void;
    const hold = new Promise<void>((resolve) => (release_ = resolve));
    const served = serve(HttpService, {
      async request({ context }) {
        const started = context?.startResponse({ response: { statusCode: 200 } });
        const body = started?.body as ByteStream;
        const next = serve(ByteStream, { write: ({ bytes }) => void rest.push(...bytes), end: () => void log.push("next ended") });
        const callback = serve(ByteStream.SubstreamCallback, { reachedLimit: () => (log.push("limit"), { next }), ended: ({ byteCount }) => void log.push(byteCount) });
        const { substream } = await body.getSubstream({ callback, limit: 5 });
        await expect(body.end()).rejects.toThrow("has a substream");
        const sub = substream as ByteStream;
        await sub.write({ bytes: new Uint8Array([1, 2, 3]) });
        await sub.write({ bytes: new Uint8Array([4, 5, 6, 7]) });
        await sub.write({ bytes: new Uint8Array([8]) });
        await sub.end();
        const again = await body.getSubstream({ callback: give(callback) });
        await again.substream?.write({ bytes: new Uint8Array([9]) });
        await again.substream?.end();
        await body.write({ bytes: new Uint8Array([10]) });
        await body.end();
        await hold;
        return {};
      },
    });
    using service = connectPair(served).near.bootstrap(HttpService);
    const response = await httpClient(service)("/");
    await expect(response.arrayBuffer()).resolves.toEqual(new Uint8Array([1, 2, 3, 4, 5, 9, 10]).buffer);
    expect(rest).toEqual([6, 7, 8]);
    expect(log).toEqual(["limit", "next ended", 1n]);
    release_();
    release(served);
  });
});
