import { expect, test } from "vitest";
import { connectHttp } from "./support.js";

test("a handler reads the body of a request where the platform's requests take no streams", async () => {
  const Native = globalThis.Request;
  // As in Firefox and WebKit.
  globalThis.Request = class extends Native {
    constructor(input: RequestInfo | URL, init?: RequestInit) {
      super(input, init?.body instanceof ReadableStream ? { ...init, body: String(init.body) } : init);
    }
  };
  try {
    const pair = connectHttp(async (request) => {
      if (request.method === "PUT") return new Response(`${request.headers.get("content-type")} ${await request.text()} ${request.bodyUsed}`);
      return new Response(request.body);
    });
    const put = await pair.fetch("/", { method: "PUT", body: "a text" });
    await expect(put.text()).resolves.toBe("text/plain;charset=UTF-8 a text true");
    const post = await pair.fetch("/", { method: "POST", body: "streamed" });
    await expect(post.text()).resolves.toBe("streamed");
  } finally {
    globalThis.Request = Native;
  }
});
