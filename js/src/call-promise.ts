import * as glue from "../wasm/capstan_web.js";
import type { BoundMethod } from "./call.js";
import { afterRelease, brokenClient, ClientBase, makeClient, releaseUnclaimed, tracker } from "./client.js";
import { CapnpError, messageOf } from "./errors.js";
import { drain } from "./events.js";
import { NONE, takePayload } from "./payload.js";
import { handled, type Pending } from "./pending.js";
import { writeList } from "./report.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { decodeContent } from "./seam/incoming.js";
import { type PipelineField, pipelineOf } from "./seam/pipeline.js";
import { dispose } from "./symbols.js";

export type CallPromiseClass = new (executor: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void) => Promise<unknown>;

const STATE = Symbol("call");

interface WithState {
  [STATE]: CallState;
}

/** One way from a call's results to a capability in them. */
interface Route {
  /** Indices of pointer fields. */
  readonly path: readonly number[];
  /** The names of the fields on the way, groups included. */
  readonly names: readonly string[];
  readonly type: () => InterfaceDescriptor;
}

/** What a call promise and the vat's call have to do with each other. */
export class CallState implements Pending {
  id = NONE;
  readonly onReady = undefined;
  cleanUp: (() => void) | undefined;
  readonly #method: BoundMethod;
  #promise!: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #outcome: { value: object } | { error: unknown } | undefined;
  #pipelined: Map<string, { route: Route; client: ClientBase }> | undefined;
  /** Somebody waits for the results, and so will have the clients in them. */
  #isAwaited = false;
  readonly #place = tracker?.here();

  constructor(method: BoundMethod) {
    this.#method = method;
  }

  makePromise(): Promise<unknown> {
    const executor = (resolve: (value: unknown) => void, reject: (error: unknown) => void): void => {
      this.#resolve = resolve;
      this.#reject = reject;
    };
    const Class = promiseClassOf(this.#method);
    if (Class === null) {
      this.#promise = new Promise(executor);
    } else {
      this.#promise = new Class(executor);
      Object.defineProperty(this.#promise, STATE, { value: this });
    }
    return this.#promise;
  }

  markAwaited(): void {
    this.#isAwaited = true;
  }

  onReturn(payload: number): void {
    let value: object;
    const clients: ClientBase[] = [];
    tracker?.from(this.#place);
    try {
      const type = this.#method.results?.();
      value = takePayload(payload, (cap) => (type === undefined ? {} : (decodeContent(type, payload, cap) as object)), clients);
    } catch (error) {
      this.fail(error);
      return;
    } finally {
      tracker?.from(undefined);
    }
    if (this.#pipelined !== undefined) {
      for (const { route, client } of this.#pipelined.values()) unify(value, route.names, client);
      if (!this.#isAwaited) this.#releaseUnclaimed(clients);
    }
    this.#outcome = { value };
    this.cleanUp?.();
    this.#resolve(value);
  }

  /**
   * Whoever takes clients from the promise and does not await it leaves the rest unclaimed. It may yet be awaited, but
   * hardly after the last of the taken ones was released, or by code that runs at once on that.
   */
  #releaseUnclaimed(clients: readonly ClientBase[]): void {
    let taken = 1;
    const onReleased = (): void => {
      if (--taken > 0) return;
      setTimeout(() => {
        if (!this.#isAwaited) clients.forEach(releaseUnclaimed);
      });
    };
    for (const { client } of this.#pipelined?.values() ?? []) {
      if (ClientBase.isReleased(client)) continue;
      taken++;
      afterRelease.set(client, onReleased);
    }
    onReleased();
  }

  onFailed(error: CapnpError): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    this.#outcome = { error };
    this.cleanUp?.();
    this.#reject(error);
  }

  /** The client for a capability that is or will be in the results. */
  client(route: Route): object | undefined {
    // The user has the client now, and the client knows of every failure.
    const isAwaited = this.#isAwaited;
    handled(this.#promise);
    this.#isAwaited = isAwaited;
    const key = route.path.join(".");
    const known = this.#pipelined?.get(key);
    if (known !== undefined) return known.client;
    // The vat may have had the return a moment ago, with its event still waiting.
    if (this.#outcome === undefined) drain();
    if (this.#outcome !== undefined) return this.#settled(route);
    writeList(route.path);
    const client = makeClient(route.type(), glue.pipeline(this.id, route.path.length)) as ClientBase;
    this.#pipelined ??= new Map();
    this.#pipelined.set(key, { route, client });
    return client;
  }

  #settled(route: Route): object | undefined {
    const outcome = this.#outcome;
    if (outcome !== undefined && "value" in outcome) {
      // Taken from the results, as if the call had been awaited.
      this.#isAwaited = true;
      return (
        (valueAt(outcome.value, route.names) as object | undefined) ??
        brokenClient(
          route.type(),
          new CapnpError("failed", `the results of ${this.#method.label} have no capability at ${route.names.join(".")}`),
        )
      );
    }
    const error = outcome?.error;
    return brokenClient(route.type(), error instanceof CapnpError ? error : new CapnpError("failed", messageOf(error)));
  }
}

/**
 * The client that was taken early and the one in the results are the same capability, so one client is enough; the early
 * one, since somebody has it. If that somebody has released it already, the results' one must not live on unseen.
 */
function unify(value: object, names: readonly string[], early: ClientBase): void {
  const parent = valueAt(value, names.slice(0, -1)) as Record<string, unknown> | undefined;
  const name = names.at(-1);
  if (parent === undefined || name === undefined) return;
  const late = parent[name];
  if (!ClientBase.is(late)) return;
  parent[name] = early;
  late[dispose]();
}

function valueAt(value: unknown, names: readonly string[]): unknown {
  let at = value;
  for (const name of names) at = (at as Record<string, unknown> | undefined)?.[name];
  return at;
}

/** The class of a method's call promises: promises with a getter for each way to a capability. */
function promiseClassOf(method: BoundMethod): CallPromiseClass | null {
  if (method.promiseClass !== undefined) return method.promiseClass;
  const fields = method.results === undefined ? [] : pipelineOf(method.results());
  if (fields.length === 0) {
    method.promiseClass = null;
    return null;
  }
  const Class = class extends Promise<unknown> {};
  // What `then` makes, and what `await` sees, is an ordinary promise. Both ask for this, and nobody else does.
  Object.defineProperty(Class.prototype, "constructor", {
    get(this: Partial<WithState>) {
      this[STATE]?.markAwaited();
      return Promise;
    },
  });
  addGetters(Class.prototype, fields, { path: [], names: [] }, (self) => (self as unknown as WithState)[STATE]);
  method.promiseClass = Class;
  return Class;
}

function addGetters(
  prototype: object,
  fields: readonly PipelineField[],
  to: { path: readonly number[]; names: readonly string[] },
  stateOf: (self: object) => CallState,
): void {
  for (const field of fields) {
    const names = [...to.names, field.name];
    const path = "pointer" in field ? [...to.path, field.pointer] : to.path;
    let get: (this: object) => unknown;
    if ("iface" in field) {
      const route: Route = { path, names, type: field.iface };
      get = function () {
        return stateOf(this).client(route);
      };
    } else {
      get = function () {
        const node = {};
        const state = stateOf(this);
        addGetters(node, "fields" in field ? field.fields() : field.group(), { path, names }, () => state);
        return node;
      };
    }
    Object.defineProperty(prototype, field.name, { get, enumerable: true, configurable: true });
  }
}
