import { methodsOf } from "./call.js";
import { ClientBase, clone, give, theClient } from "./client.js";
import { CapnpError } from "./errors.js";
import { watch } from "./pending.js";
import { promised, resolving } from "./promised.js";
import { release } from "./release.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { hosted, serve } from "./serve.js";
import { dispose } from "./symbols.js";
import type { CallContext, CallOptions } from "./types.js";

/** A call that passes a border. */
export interface PassingCall {
  /** Whether it goes to an object within, or outward to one that was given to those within. */
  readonly inward: boolean;
  /** Such as `Files.create`. */
  readonly method: string;
  /** The parameters, as plain objects and clients. */
  readonly params: object;
}

/** What may pass a border, in either direction. */
export interface Membrane {
  /** Called for each call before it is made; its caller gets what this throws. */
  check?(call: PassingCall): void;
  /** Once it is aborted no call passes; those under way fail. Their callers get the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A client that can be cut off from its object. */
export interface Revocable<C> {
  /** To be handed out in place of the one that it was made of. */
  readonly client: C;
  /** Cuts it off, and with it all capabilities that have come through it in either direction, and the calls under way. */
  revoke(reason?: unknown): void;
}

type Method = (params: object, options: CallOptions) => Promise<object | undefined>;

/** Stands at the border for one object, by way of which calls go inward or outward. */
interface Gate {
  readonly target: object;
  readonly policy: Membrane;
  readonly inward: boolean;
}

/** By what is served in their place. */
const gates = new WeakMap<object, Gate>();

/**
 * A client of the same object by way of a border, which the clients in the parameters and results of its calls pass too, and those
 * in theirs; one that comes back the way it went is what it was before. Of messages, what the schema knows passes. The client it is made of stays yours.
 */
export function membrane<C extends object>(client: C, policy: Membrane): C {
  return gate(clone(client), policy, true) as C;
}

/** Makes a client that can be revoked; the one it is made of stays yours, and as it is. */
export function revocable<C extends object>(client: C): Revocable<C> {
  const controller = new AbortController();
  return {
    client: membrane(client, { signal: controller.signal }),
    revoke: (reason = new CapnpError("failed", "the capability was revoked")) => controller.abort(reason),
  };
}

/** A client that stands at the border for `target`, which becomes its own. */
function gate(target: object, policy: Membrane, inward: boolean): object {
  const type = ClientBase.type(theClient(target, "membrane"));
  const letGo = (): void => release(target);
  // What is cut off is not held on to.
  const unwatch = policy.signal && watch(policy.signal, letGo);
  if (policy.signal?.aborted === true) letGo();
  const implementation: Record<PropertyKey, unknown> = {
    [dispose]: () => {
      unwatch?.();
      letGo();
    },
  };
  for (const { name, label } of methodsOf(type)) {
    implementation[name] = async (params: object, context: CallContext): Promise<object | undefined> => {
      try {
        policy.signal?.throwIfAborted();
        policy.check?.({ inward, method: label, params });
      } catch (error) {
        mapClients(params, release);
        throw error;
      }
      const through = (within: boolean) => (client: object) => give(pass(client, policy, within));
      const signal = policy.signal === undefined ? context.signal : AbortSignal.any([policy.signal, context.signal]);
      const method = (target as Record<string, Method>)[name] as Method;
      const results = await method.call(target, mapClients(params, through(!inward)) as object, { signal });
      return mapClients(results, through(inward)) as object | undefined;
    };
  }
  gates.set(implementation, { target, policy, inward });
  return serve({ $: type } as InterfaceDescriptor<object, object>, implementation);
}

/** A client as it looks from the other side, in place of this one. */
function pass(client: object, policy: Membrane, inward: boolean): object {
  const base = theClient(client, "membrane");
  const known = resolving(ClientBase.cap(base));
  if (known === undefined) return passKnown(client, policy, inward);
  // It may turn out to be one that comes back.
  const later = known.then(
    () => passKnown(client, policy, inward),
    (error: unknown) => {
      release(client);
      throw error;
    },
  );
  return promised({ $: ClientBase.type(base) } as InterfaceDescriptor<object>, later);
}

function passKnown(client: object, policy: Membrane, inward: boolean): object {
  const made = hosted(theClient(client, "membrane"));
  const before = made && gates.get(made.implementation);
  if (before?.policy !== policy || before.inward === inward || policy.signal?.aborted === true) return gate(client, policy, inward);
  release(client);
  return clone(before.target);
}

/** The same value with other things in place of its clients. */
function mapClients(value: unknown, map: (client: object) => unknown): unknown {
  if (ClientBase.is(value)) return map(value);
  if (Array.isArray(value)) return value.map((element) => mapClients(element, map));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, mapClients(field, map)]));
}
