/*
 * Requests as a handler gets them. Platforms differ in what their `Request` can be made of.
 */

/**
 * The request; or, when the platform has no such requests, the response that it gets. A body that GET and HEAD have is left out: nothing that
 * takes a `Request` expects one.
 */
export function requestFrom(
  method: string,
  url: string,
  headers: Headers,
  body: ReadableStream<Uint8Array<ArrayBuffer>> | undefined,
  signal: AbortSignal,
): Request | Response {
  const its = method === "GET" || method === "HEAD" ? undefined : body;
  let request: Request;
  try {
    if (its === undefined || takesStreams()) {
      // What is missing in the types is what browsers ask for.
      const init: RequestInit & { duplex: "half" } = { method, headers, signal, duplex: "half" };
      return new Request(url, its === undefined ? init : { ...init, body: its });
    }
    request = new Request(url, { method, headers, signal });
  } catch {
    return new Response(`This server has no method ${method}.\n`, { status: 501 });
  }
  return withBody(request, its);
}

let streams: boolean | undefined;

/** Whether requests can have streams for bodies: where they cannot, a stream is taken for a text. */
function takesStreams(): boolean {
  if (streams === undefined) {
    let wasAsked = false;
    const init = {
      method: "POST",
      body: new ReadableStream(),
      get duplex() {
        wasAsked = true;
        return "half";
      },
    };
    streams = !new Request("http://localhost", init).headers.has("content-type") && wasAsked;
  }
  return streams;
}

const READERS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

/** The same request with this body: responses take streams everywhere. */
function withBody(request: Request, body: ReadableStream<Uint8Array<ArrayBuffer>>): Request {
  const type = request.headers.get("content-type");
  const holder = new Response(body, type === null ? {} : { headers: { "content-type": type } });
  for (const name of READERS) Object.defineProperty(request, name, { value: () => (holder as unknown as Record<string, () => unknown>)[name]?.() });
  Object.defineProperty(request, "body", { get: () => holder.body });
  Object.defineProperty(request, "bodyUsed", { get: () => holder.bodyUsed });
  return request;
}
