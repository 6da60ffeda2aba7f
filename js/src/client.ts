import * as glue from "../wasm/capstan_web.js";
import { applied, type BoundMethod, methodsOf, call, stream } from "./call.js";
import { CapnpError, ERROR_KINDS } from "./errors.js";
import { requireInit } from "./runtime.js";
import { checkType } from "./seam/check-type.js";
import type { InterfaceDescriptor, InterfaceInfo } from "./seam/descriptor.js";
import type { PointerType } from "./seam/types.js";
import { noClient } from "./release.js";
import { readPairs, readPath } from "./report.js";
import { dispose } from "./symbols.js";
import type { GenericCallOptions, StreamStats } from "./types.js";

/*
 * A client holds one reference to a capability. Its class is made from the interface's descriptor
 * and carries the schema's methods and symbols, nothing else, so that no name in a schema can
 * clash; whatever Capstan does with clients is a function.
 */

const mark: unique symbol = Symbol.for("capstan.client") as never;

const RELEASED = -1;
/** Released for want of someone who wanted it. */
const UNCLAIMED = -2;
/** Released by a stream, whose it was. */
const TAKEN_OVER = -3;

/** Who keeps an account of clients, in a debug mode. */
export interface Tracker {
  made(client: ClientBase, type: InterfaceInfo): void;
  released(client: ClientBase): void;
  /** Where the program is now. */
  here(): string;
  /** Where clients are said to be made from now on, if not where the program is. */
  from(place: string | undefined): void;
}

export let tracker: Tracker | undefined;

export function setTracker(to: Tracker | undefined): void {
  tracker = to;
}

/** What is to be done when a client has been released. */
export const afterRelease = new WeakMap<ClientBase, () => void>();

/** Clients that the first message which carries them is to release. */
const leaving = new WeakSet<ClientBase>();

/** Releases what was forgotten; those who care about when use `release` or `using`. */
const forgotten = new FinalizationRegistry<number>((cap) => glue.release_cap(cap));

export class ClientBase {
  #cap: number;
  #type: InterfaceInfo;

  constructor(type: InterfaceInfo, cap: number) {
    this.#type = type;
    this.#cap = cap;
    forgotten.register(this, cap, this);
    tracker?.made(this, type);
  }

  [dispose](): void {
    ClientBase.letGo(this, RELEASED);
  }

  /** For other copies of this package, which know its clients by this alone. */
  get [mark](): true {
    return true;
  }

  static letGo(client: ClientBase, as: number): void {
    const cap = client.#cap;
    if (cap < 0) return;
    client.#cap = as;
    forgotten.unregister(client);
    tracker?.released(client);
    glue.release_cap(cap);
    afterRelease.get(client)?.();
  }

  static is(value: unknown): value is ClientBase {
    return typeof value === "object" && value !== null && #cap in value;
  }

  static isReleased(client: ClientBase): boolean {
    return client.#cap < 0;
  }

  /** The capability's id; the reference stays the client's. */
  static cap(client: ClientBase): number {
    const cap = client.#cap;
    if (cap < 0) {
      const advice =
        cap === RELEASED
          ? "released; release it later, or keep a clone(client) of it"
          : cap === TAKEN_OVER
            ? "released by the stream that took it over; give writable() a clone(client) to keep this one"
            : "released with the last client that was taken from the call's promise, which nobody awaited; await it before that, or take this client from it too";
      throw new CapnpError("failed", `this client of ${client.#type.name} was ${advice}`);
    }
    return cap;
  }

  static type(client: ClientBase): InterfaceInfo {
    return client.#type;
  }
}

type ClientClass = new (type: InterfaceInfo, cap: number) => ClientBase;
const classes = new WeakMap<InterfaceInfo, ClientClass>();

/** Makes a client that takes over one reference to a capability. */
export function makeClient<C>(type: InterfaceDescriptor<C>, cap: number): C {
  const info = (type as InterfaceDescriptor<C> | undefined)?.$ as InterfaceInfo;
  let Class = classes.get(info);
  if (Class === undefined) {
    checkType(type, "interface", "a client");
    Class = makeClass(info);
    classes.set(info, Class);
  }
  return new Class(info, cap) as C;
}

/** Makes a client whose every call fails so. */
export function brokenClient(type: InterfaceDescriptor, error: CapnpError): object {
  return makeClient(type, brokenCap(error)) as object;
}

export function brokenCap(error: CapnpError): number {
  return glue.broken_cap(ERROR_KINDS.indexOf(error.kind), error.reason);
}

/** What the encoder asks about a value in a capability field. */
export function checkClient(value: unknown, type: InterfaceDescriptor, field: string): object {
  if (ClientBase.is(value)) {
    ClientBase.cap(value);
    return value;
  }
  const expected = type.$.name;
  if (value instanceof Promise) {
    throw new TypeError(`${field}: expected a client of ${expected}, got a promise; await it, or take the client from the call promise's field`);
  }
  if (typeof value === "object" && value !== null) {
    if (mark in value) {
      throw new TypeError(`${field}: this client is of another copy of this package, which has connections of its own; load only one copy`);
    }
    throw new TypeError(`${field}: expected a client of ${expected}, got another object; serve(${shortName(expected)}, object) makes a client of one`);
  }
  throw new TypeError(`${field}: expected a client of ${expected}, got ${String(value)}`);
}

/** Of clients in results, one that nobody asked for. */
export function releaseUnclaimed(client: ClientBase): void {
  ClientBase.letGo(client, UNCLAIMED);
}

/** Of a client that a stream owns, when the stream is done with it. */
export function releaseOwned(client: ClientBase): void {
  ClientBase.letGo(client, TAKEN_OVER);
}

/**
 * Gives a client away: the first message that carries it, as a parameter or in results, releases it here. Without this a giver
 * keeps what it gave. Returns the client, as in `return { sink: give(serve(ByteSink, new FileSink())) }`.
 */
export function give<C extends object>(client: C): C {
  leaving.add(theClient(client, "give"));
  return client;
}

/** Releases those that were given away, now that a message carries them. */
export function releaseGiven(clients: readonly ClientBase[]): void {
  for (const client of clients) if (leaving.has(client)) client[dispose]();
}

/** Another client of the same capability, to be released by itself. */
export function clone<C extends object>(client: C): C {
  const base = theClient(client, "clone");
  const cap = ClientBase.cap(base);
  glue.retain_cap(cap);
  return makeClient({ $: ClientBase.type(base) } as InterfaceDescriptor<C>, cap);
}

/** What the streamed calls of a client have in flight; undefined before the first, and once released. */
export function streamStats(client: object): StreamStats | undefined {
  const base = theClient(client, "streamStats");
  if (ClientBase.isReleased(base) || !glue.stream_stats(ClientBase.cap(base))) return undefined;
  const [window, inFlight, delivered, largest] = readPairs(0, 4) as [number, number, number, number];
  return { window, inFlight, delivered, largest, ...readPath(8) };
}

/** The client behind a value that should be one. */
export function theClient(value: unknown, caller: string): ClientBase {
  requireInit(caller);
  if (ClientBase.is(value)) return value;
  throw noClient(value, caller);
}

/** The last part of a display name such as `files.capnp:Files.Entry`. */
export function shortName(displayName: string): string {
  return displayName.slice(displayName.indexOf(":") + 1);
}

function makeClass(info: InterfaceInfo): ClientClass {
  const Class = class extends ClientBase {};
  Object.defineProperty(Class, "name", { value: shortName(info.name) });
  // A plain value, since whoever shows the prototype to a person reads it there.
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: info.name, configurable: true });
  for (const method of methodsOf(info)) {
    Object.defineProperty(Class.prototype, method.name, {
      value: makeMethod(method),
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  return Class;
}

type Options = GenericCallOptions<readonly PointerType[]>;

function makeMethod(method: BoundMethod): (params?: object, options?: Options) => Promise<unknown> {
  const start = method.streaming ? stream : call;
  return function (this: unknown, params?: object, options?: Options): Promise<unknown> {
    if (!ClientBase.is(this)) {
      return Promise.reject(
        new TypeError(`${method.label} was called without its client; call it as client.${method.name}(…)`),
      );
    }
    const types = options?.types;
    return start(this, types === undefined ? method : applied(method, types), params, options);
  };
}
