import { type HttpMethod, HttpMethod as Methods, type HttpResponse } from "../capnp/compat/http-over-capnp.capnp.js";
import { CapnpError, messageOf } from "../errors.js";
import { fromWire } from "./headers.js";

/** What requests and responses have in common, and responses as they arrive. */

type BodySize = { readonly which: "unknown" } | { readonly which: "fixed"; readonly fixed: bigint } | { readonly which: number };

/** The announced length; undefined when it is not known before the end. */
export function lengthOf(size: BodySize | undefined): bigint | undefined {
  return size?.which === "fixed" ? (size as { fixed: bigint }).fixed : undefined;
}

export function sizeOf(length: number | undefined): { which: "unknown" } | { which: "fixed"; fixed: number } {
  return length === undefined ? { which: "unknown" } : { which: "fixed", fixed: length };
}

/** M-SEARCH is the one method whose name is not that of the enumerant in capitals. */
export function methodToWire(name: string): HttpMethod {
  const upper = name.toUpperCase();
  const method = upper === "M-SEARCH" ? "msearch" : upper.toLowerCase();
  if (upper === "CONNECT") throw new TypeError("CONNECT makes a tunnel and not a response; openTunnel() does that");
  if (!Methods.$.ordinals.has(method as never)) throw new TypeError(`HTTP over Cap'n Proto has no method ${name}`);
  return method as HttpMethod;
}

export function methodFromWire(method: HttpMethod): string {
  if (typeof method !== "string") throw new CapnpError("failed", `the request has the method number ${method}, which is not known here`);
  return method === "msearch" ? "M-SEARCH" : method.toUpperCase();
}

/** Whether a response to this has no body, whatever its headers say. */
export function isBodiless(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 205 || status === 304;
}

/** A response that arrived, without its body. */
export interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** 0 where there is no body; undefined when its length is not known before the end. */
  readonly length: bigint | undefined;
}

export function headFromWire(wire: HttpResponse | undefined, method: string, limit: number): Head {
  const status = wire?.statusCode ?? 0;
  if (status < 200 || status > 599) throw new CapnpError("failed", `the response has the status ${status}; those of responses are from 200 to 599`);
  const headers = fromWire(wire?.headers ?? [], limit, "the response");
  const length = isBodiless(method, status) ? 0n : lengthOf(wire?.bodySize);
  if (length !== undefined && !isBodiless(method, status) && !headers.has("content-length")) headers.set("content-length", String(length));
  return { status, statusText: wire?.statusText ?? "", headers, length };
}

export function makeResponse(head: Head, body: ReadableStream<Uint8Array<ArrayBuffer>> | null, url: string): Response {
  let response: Response;
  try {
    response = new Response(body, head);
  } catch (error) {
    throw new CapnpError("failed", `the platform takes no such response: ${messageOf(error)}`);
  }
  // What `fetch` says of its responses, and a constructor cannot be told.
  return Object.defineProperty(response, "url", { value: url, configurable: true });
}

/**
 * The other side answered a WebSocket's handshake or a CONNECT with a response of its own instead of going along. Its body is there to
 * be read.
 */
export class HttpRefusedError extends Error {
  /** Always this, whatever a minifier does to the class. */
  override readonly name = "HttpRefusedError";
  /** What the service answered. */
  readonly response: Response;

  constructor(what: string, response: Response) {
    super(`the server refused the ${what}: ${response.status} ${response.statusText}`.trimEnd());
    this.response = response;
  }
}
