import { methodsOf } from "./call.js";
import { ClientBase, clone, give, release, theClient } from "./client.js";
import { CapnpError } from "./errors.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { serve } from "./serve.js";
import { dispose } from "./symbols.js";
import type { CallContext, CallOptions } from "./types.js";

/** A call that passes a border. */
export interface PassingCall {
  /** Whether it goes to an object within, or outward to one that was given to those within. */
  readonly inward: boolean;
  /** Such as `Files.create`. */
  readonly method: string;
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
  readonly client: C;
  /** Cuts it off, and with it all capabilities that have come through it in either direction, and the calls under way. */
  revoke(reason?: unknown): void;
}

type Method = (params: object, options: CallOptions) => Promise<object | undefined>;

/**
 * A client of the same object by way of a border, which the clients in the parameters and results of its calls pass too, and those
 * in theirs. Of messages, what the schema knows passes. The client it is made of stays yours.
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

/** Stands at the border for one object; `target` becomes its own. */
function gate(target: object, policy: Membrane, inward: boolean): object {
  const type = ClientBase.type(theClient(target, "membrane"));
  const implementation: Record<PropertyKey, unknown> = { [dispose]: () => release(target) };
  for (const { name, label } of methodsOf(type)) {
    implementation[name] = async (params: object, context: CallContext): Promise<object | undefined> => {
      try {
        policy.signal?.throwIfAborted();
        policy.check?.({ inward, method: label, params });
      } catch (error) {
        mapClients(params, release);
        throw error;
      }
      const pass = (within: boolean) => (client: object) => give(gate(client, policy, within));
      const signal = policy.signal === undefined ? context.signal : AbortSignal.any([policy.signal, context.signal]);
      const method = (target as Record<string, Method>)[name] as Method;
      const results = await method.call(target, mapClients(params, pass(!inward)) as object, { signal });
      return mapClients(results, pass(inward)) as object | undefined;
    };
  }
  return serve({ $: type } as InterfaceDescriptor<object, object>, implementation);
}

/** The same value with other things in place of its clients. */
function mapClients(value: unknown, map: (client: object) => unknown): unknown {
  if (ClientBase.is(value)) return map(value);
  if (Array.isArray(value)) return value.map((element) => mapClients(element, map));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, mapClients(field, map)]));
}
