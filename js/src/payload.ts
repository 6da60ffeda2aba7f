import * as glue from "../wasm/capstan_web.js";
import { type ClientBase, makeClient } from "./client.js";
import { readList } from "./report.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { dispose } from "./symbols.js";

/** In place of a capability id: there is none. */
export const NONE = 0xffffffff;

/** Decodes a payload and frees it. Its capabilities go to clients in the value, which are added to `made`; the rest is released. */
export function takePayload<T>(
  payload: number,
  decode: (cap: (index: number, type: InterfaceDescriptor) => object) => T,
  made: ClientBase[] = [],
): T {
  const caps = readList(glue.payload_caps(payload));
  const claims = caps.map(() => 0);
  const cap = (index: number, type: InterfaceDescriptor): object => {
    claims[index] = (claims[index] ?? 0) + 1;
    const client = makeClient(type, caps[index] ?? NONE) as ClientBase;
    made.push(client);
    return client;
  };
  try {
    const value = decode(cap);
    glue.payload_free(payload);
    settleClaims(caps, claims);
    return value;
  } catch (error) {
    glue.payload_free(payload);
    settleClaims(caps, claims);
    for (const client of made) client[dispose]();
    throw error;
  }
}

/** A capability may be in a message once and pointed at any number of times, also never. */
function settleClaims(caps: readonly number[], claims: readonly number[]): void {
  caps.forEach((cap, index) => {
    if (cap === NONE) return;
    const count = claims[index] ?? 0;
    if (count === 0) glue.release_cap(cap);
    for (let i = 1; i < count; i++) glue.retain_cap(cap);
  });
}

/** Frees a payload that nobody wants. */
export function discardPayload(payload: number): void {
  takePayload(payload, () => undefined);
}
