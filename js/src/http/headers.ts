import { CommonHeaderName, type HttpHeader } from "../capnp/compat/http-over-capnp.capnp.js";
import { CapnpError, messageOf } from "../errors.js";

/** What `new Headers(…)` takes, by a name that Node's own types have as well. */
export type HeadersSource = ConstructorParameters<typeof Headers>[0];

/** Names and values of one message's headers, by default. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** By ordinal, the names that travel as numbers; the enumerants are their texts in camel case. */
const NAMES = /* @__PURE__ */ CommonHeaderName.$.names.map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
const ORDINALS = /* @__PURE__ */ new Map(NAMES.map((name, ordinal) => [name, ordinal]));

/** The values that travel as numbers. */
const VALUES: Readonly<Record<string, string>> = { gzipDeflate: "gzip, deflate" };

/** What concerns the connection between two hosts and not the message: here there is no such connection. */
const HOP_BY_HOP = /* @__PURE__ */ new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);

/**
 * Headers as they travel. Those of `without` are left out, and those that concern a connection, among them what the header
 * Connection names.
 */
export function toWire(headers: Headers, without?: string): HttpHeader.Input[] {
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
  const wire: HttpHeader.Input[] = [];
  for (const [name, value] of headers) {
    if (name === without || HOP_BY_HOP.has(name) || named.includes(name)) continue;
    wire.push(header(name, value));
  }
  return wire;
}

/** One header as it travels. */
export function header(name: string, value: string): HttpHeader.Input {
  const text = textOf(name, value);
  const ordinal = ORDINALS.get(name);
  // Values never go as numbers: some peers look those up among the names and fail.
  return ordinal === undefined ? { which: "uncommon", uncommon: { name, value: text } } : { which: "common", common: { name: ordinal, which: "value", value: text } };
}

/** Headers that arrived. Throws when they are none, or longer than `limit` bytes. */
export function fromWire(wire: readonly HttpHeader[], limit: number, what: string): Headers {
  const headers = new Headers();
  let bytes = 0;
  for (const each of wire) {
    const [name, value] = pairOf(each, what);
    const content = byteString(value);
    bytes += name.length + content.length;
    if (bytes > limit) throw new CapnpError("failed", `${what} has more than ${limit} bytes of headers; maxHeaderBytes allows more`);
    try {
      headers.append(name, content);
    } catch (error) {
      throw new CapnpError("failed", `${what} has a header that HTTP does not allow: ${messageOf(error)}`);
    }
  }
  return headers;
}

function pairOf(wire: HttpHeader, what: string): readonly [name: string, value: string] {
  const its = wire as { which: unknown; common?: HttpHeader.common; uncommon?: HttpHeader.NameValue };
  if (its.which === "uncommon") return [its.uncommon?.name ?? "", its.uncommon?.value ?? ""];
  if (its.which === "common" && its.common !== undefined) {
    const common = its.common as { name: string | number; which: unknown; value?: string; commonValue?: string | number };
    const ordinal = typeof common.name === "number" ? common.name : (CommonHeaderName.$.ordinals.get(common.name as never) ?? 0);
    const name = ordinal === 0 ? undefined : NAMES[ordinal];
    const value = common.which === "value" ? common.value : VALUES[common.commonValue ?? ""];
    if (name !== undefined && value !== undefined) return [name, value];
  }
  throw new CapnpError("failed", `${what} has a header whose name or value is a number that is not known here`);
}

/** Values are bytes, which `Headers` show as a character each and Text holds as UTF-8. */
function textOf(name: string, value: string): string {
  if (isAscii(value)) return value;
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TypeError(`the value of the header ${name} is not UTF-8; as a header of HTTP it has to be written in the bytes of UTF-8`);
  }
}

function byteString(text: string): string {
  if (isAscii(text)) return text;
  let out = "";
  for (const byte of new TextEncoder().encode(text)) out += String.fromCharCode(byte);
  return out;
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/** The length that the headers announce, if they announce one. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
