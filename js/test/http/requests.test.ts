import { describe, expect, test } from "vitest";
import { httpClient, type HttpHandler, HttpService, serveHttp } from "../../src/http.js";
import { give, release, serve } from "../../src/node.js";
import { chunks, connectHttp, IDLE, untilIdle } from "./support.js";

const streaming = (body: BodyInit): RequestInit => ({ method: "POST", body, duplex: "half" }) as RequestInit;

describe("a request", () => {
  test("arrives with its method, address and headers, and so does the response", async () => {
    const pair = connectHttp((request, { headers }) => {
      expect([request.method, request.url]).toEqual(["DELETE", "https://example.com/a?b=c"]);
      expect(Object.fromEntries(headers)).toEqual({ accept: "text/plain", cookie: "a=b", "x-own": "1, 2", "accept-encoding": "gzip, deflate" });
      return new Response("gone", { status: 410, statusText: "Quite gone", headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Own", "ü"]].map(([n, v]) => [n, n === "X-Own" ? "\xc3\xbc" : v]) as [string, string][] });
    });
    const response = await pair.fetch("https://example.com/a?b=c#part", {
      method: "delete",
      headers: [["Accept", "text/plain"], ["Cookie", "a=b"], ["X-Own", "1"], ["x-own", "2"], ["Accept-Encoding", "gzip, deflate"], ["Connection", "x-hop"], ["X-Hop", "no"], ["TE", "no"]],
    });
    expect([response.status, response.statusText, response.url, response.redirected]).toEqual([410, "Quite gone", "https://example.com/a?b=c#part", false]);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("x-own")).toBe("\xc3\xbc");
    await expect(response.text()).resolves.toBe("gone");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("takes every kind of body that fetch takes, with its type and length", async () => {
    const seen: unknown[] = [];
    const pair = connectHttp(async (request) => {
      seen.push([request.headers.get("content-type")?.replace(/=-.*/, ""), request.headers.get("content-length")]);
      return new Response(await request.text());
    });
    const bodies: BodyInit[] = ["tëxt", new TextEncoder().encode("bytes"), new Blob(["blob"], { type: "a/b" }), new URLSearchParams({ a: "1" }), new Uint8Array([104, 105]).buffer, chunks(2, 3)];
    const texts = [];
    for (const body of bodies) texts.push(await (await pair.fetch("/", streaming(body))).text());
    expect(texts).toEqual(["tëxt", "bytes", "blob", "a=1", "hi", "\0\0\0\x01\x01\x01"]);
    expect(seen).toEqual([
      ["text/plain;charset=UTF-8", "5"],
      [undefined, "5"],
      ["a/b", "4"],
      ["application/x-www-form-urlencoded;charset=UTF-8", "3"],
      [undefined, "2"],
      [undefined, null],
    ]);
    const form = new FormData();
    form.set("a", new Blob(["in a form"]));
    await expect((await pair.fetch(new Request("http://localhost/", { method: "PUT", body: form }))).text()).resolves.toContain("in a form");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("may be of every method the protocol has, and says which it has not", async () => {
    const pair = connectHttp((request) => new Response(request.method));
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "PURGE", "OPTIONS", "PROPFIND", "M-SEARCH", "UNSUBSCRIBE"]) {
      await expect((await pair.fetch("/", { method })).text(), method).resolves.toBe(method);
    }
    const trace = await pair.fetch("/", { method: "TRACE" });
    expect([trace.status, await trace.text()]).toEqual([501, "This server has no method TRACE.\n"]);
    await expect(pair.fetch("/", { method: "QUERY" })).rejects.toThrow("HTTP over Cap'n Proto has no method QUERY");
    await expect(pair.fetch("/", { method: "CONNECT" })).rejects.toThrow("openTunnel()");
    await expect(pair.fetch("/", { body: "x" })).rejects.toThrow("a request with the method GET cannot have a body");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("goes to paths as it does to addresses", async () => {
    const handler: HttpHandler = (request) => new Response(request.url);
    const bare = connectHttp(handler);
    await expect((await bare.fetch("/a")).text()).resolves.toBe("http://localhost/a");
    await expect((await bare.fetch("/a", { headers: { Host: "example.com" } })).text()).resolves.toBe("http://example.com/a");
    await expect(bare.fetch("a")).rejects.toThrow("neither a whole address nor a path");
    const based = connectHttp(handler, { origin: "https://other.example" }, { base: "https://example.com/b/" });
    await expect((await based.fetch("c")).text()).resolves.toBe("https://example.com/b/c");
    const served = connectHttp(handler, { origin: "https://other.example" });
    await expect((await served.fetch("/a")).text()).resolves.toBe("https://other.example/a");
  });

  test("is answered without a body where responses have none", async () => {
    const pair = connectHttp((request) => {
      const status = Number(new URL(request.url).pathname.slice(1));
      if (status === 200) return new Response("a body", { headers: { "content-length": "6" } });
      return new Response(null, { status, headers: status === 304 ? { "content-length": "6" } : { location: "/b" } });
    });
    const head = await pair.fetch("/200", { method: "HEAD" });
    expect([head.headers.get("content-length"), head.body]).toEqual(["6", null]);
    for (const status of [204, 205, 304]) {
      const response = await pair.fetch(`/${status}`);
      expect([response.status, response.body, response.headers.get("content-length")]).toEqual([status, null, status === 304 ? "6" : null]);
    }
    // Redirects are the caller's affair.
    const redirect = await pair.fetch("/307");
    expect([redirect.status, redirect.headers.get("location")]).toEqual([307, "/b"]);
    const whole = await pair.fetch("/200");
    expect([whole.headers.get("content-length"), await whole.text()]).toEqual(["6", "a body"]);
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
  });

  test("works with servers of the older method", async () => {
    const pair = connectHttp(async (request) => new Response(`${request.method} ${await request.text()}`), {}, { startRequest: true });
    await expect((await pair.fetch("/", { method: "PUT", body: "abc" })).text()).resolves.toBe("PUT abc");
    await expect((await pair.fetch("/")).text()).resolves.toBe("GET ");
    await expect(untilIdle(pair)).resolves.toEqual(IDLE);
    const failing = connectHttp(() => Promise.reject(new Error("no")), {}, { startRequest: true });
    await expect(failing.fetch("/")).rejects.toMatchObject({ kind: "failed", reason: "no" });
    await expect(untilIdle(failing)).resolves.toEqual(IDLE);
  });

  test("needs no connection when the service is here", async () => {
    using service = serveHttp(async (request) => new Response(await request.text()));
    await expect((await httpClient(service)("/", { method: "POST", body: "near" })).text()).resolves.toBe("near");
    release(service);
  });
});

describe("what is no HTTP", () => {
  test("fails the request on either side, by name", async () => {
    const pair = connectHttp(() => new Response("x"), { maxHeaderBytes: 1000 }, { maxHeaderBytes: 500 });
    await expect(pair.fetch("/", { headers: { "x-long": "a".repeat(2000) } })).rejects.toThrow("the request has more than 1000 bytes of headers");
    await expect(pair.fetch("/", { headers: { "x-odd": "\xff" } })).rejects.toThrow("the value of the header x-odd is not UTF-8");
    const long = connectHttp(() => new Response("x", { headers: { "x-long": "a".repeat(600) } }), {}, { maxHeaderBytes: 500 });
    await expect(long.fetch("/")).rejects.toThrow("the response has more than 500 bytes of headers");
    await expect(untilIdle(long)).resolves.toEqual(IDLE);
  });

  test("includes headers and statuses that a peer makes up", async () => {
    const pair = connectHttp(() => new Response("x"));
    for (const [headers, words] of [
      [[{ which: "uncommon", uncommon: { name: "a b", value: "c" } }], "a header that HTTP does not allow"],
      [[{ which: "uncommon", uncommon: { name: "ab", value: "c\r\nd: e" } }], "a header that HTTP does not allow"],
      [[{ which: "common", common: { name: 48, which: "value", value: "x" } }], "a number that is not known here"],
      [[{ which: "common", common: { name: "invalid", which: "value", value: "x" } }], "a number that is not known here"],
      [[{ which: "common", common: { name: "accept", which: "commonValue", commonValue: 7 } }], "a number that is not known here"],
    ] as const) {
      await expect(pair.service.request(withContext({ method: "get", url: "/", headers }))).rejects.toThrow(words);
    }
    await expect(pair.service.request(withContext({ method: 77, url: "/" }))).rejects.toThrow("the method number 77");
    await expect(pair.service.request(withContext({ method: "get", url: "http://" }))).rejects.toThrow("an address that is none");
    await expect(pair.service.request({})).rejects.toThrow("wants a request and a context");
  });
});

function withContext(request: object): HttpService.request$Params.Input {
  return { request, context: give(serve(HttpService.ClientRequestContext, {})) };
}
