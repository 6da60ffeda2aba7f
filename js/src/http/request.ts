import { contentLength } from "./headers.js";

/** A request to be made. */
export interface OutgoingRequest {
  readonly method: string;
  /** As the response will show it. */
  readonly url: string;
  /** Without a fragment. */
  readonly wireUrl: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | undefined;
  /** Of the body, where it is known. */
  readonly length: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * What `fetch` would make of its arguments. No `Request` is made of them: browsers' take neither streams for bodies, most of them, nor headers such as
 * Cookie and Host.
 */
export async function requestOf(input: string | URL | Request, init: RequestInit = {}, base: string | URL | undefined): Promise<OutgoingRequest> {
  const given = typeof input === "object" && "headers" in input ? input : undefined;
  const url = addressOf(given?.url ?? String(input), base);
  const method = (init.method ?? given?.method ?? "GET").toUpperCase();
  const headers = new Headers(init.headers ?? given?.headers);
  const signal = init.signal ?? given?.signal ?? undefined;
  const content = init.body != null ? await contentOf(init.body, headers) : given === undefined ? undefined : await bodyOf(given, headers);
  if (content !== undefined && (method === "GET" || method === "HEAD")) throw new TypeError(`a request with the method ${method} cannot have a body`);
  const body = content?.length === 0 ? undefined : content?.body;
  return { method, url, wireUrl: url.replace(/#.*$/s, ""), headers, body, length: content?.length, signal };
}

interface Content {
  readonly body: ReadableStream<Uint8Array>;
  readonly length: number | undefined;
}

async function contentOf(body: BodyInit, headers: Headers): Promise<Content> {
  if (body instanceof ReadableStream) return { body, length: contentLength(headers) };
  // It knows what each kind of body is in bytes, and of which type.
  const made = new Response(body);
  const type = made.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  const blob = body instanceof Blob ? body : await made.blob();
  return { body: blob.stream(), length: blob.size };
}

async function bodyOf(request: Request, headers: Headers): Promise<Content | undefined> {
  if (request.body === null) return undefined;
  // Firefox does not show what a request has for a body.
  if (request.body === undefined) {
    const blob = await request.blob();
    return blob.size === 0 ? undefined : { body: blob.stream(), length: blob.size };
  }
  return { body: request.body, length: contentLength(headers) };
}

function addressOf(text: string, base: string | URL | undefined): string {
  if (base !== undefined) return new URL(text, base).href;
  // A path, for the host that the service stands for.
  if (text.startsWith("/") && !text.startsWith("//")) return text;
  try {
    return new URL(text).href;
  } catch {
    throw new TypeError(`${JSON.stringify(text)} is neither a whole address nor a path that begins with /; give httpClient a base for relative ones`);
  }
}
