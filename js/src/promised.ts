import * as glue from "../wasm/capstan_web.js";
import { brokenCap, ClientBase, makeClient, theClient } from "./client.js";
import { CapnpError, messageOf } from "./errors.js";
import { handle, RESOLVED } from "./events.js";
import { release } from "./release.js";
import { requireInit } from "./runtime.js";
import { takeFailure } from "./pending.js";
import { reportWord } from "./report.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { refresh } from "./seam/memory.js";

/**
 * A client that can be called and passed on at once, of an object that is known later: that of the client which `later` resolves to,
 * and which it takes over. Calls wait until then, and those who have got it call the object by the shortest way from then on, in
 * order. When `later` rejects, all calls fail with its error.
 */
export function promised<C extends object>(type: InterfaceDescriptor<C>, later: PromiseLike<C>): C {
  requireInit("promised");
  const cap = glue.promise_cap();
  refresh();
  const promise = reportWord(0);
  later.then(
    (client) => {
      try {
        const known = ClientBase.cap(theClient(client, "promised"));
        glue.retain_cap(known);
        glue.fulfill(promise, known);
        release(client);
      } catch (error) {
        fail(error);
      }
    },
    fail,
  );
  function fail(error: unknown): void {
    glue.fulfill(promise, brokenCap(error instanceof CapnpError ? error : new CapnpError("failed", messageOf(error))));
  }
  return makeClient(type, cap);
}

/** By capability, those who wait to know where it leads, as often as it is watched. */
const waiting = new Map<number, (() => void)[]>();

/**
 * Resolves when it is known which object a client leads to: at once, unless it was taken from a call that has not returned, or
 * is one of an object that is promised. Rejects when that is none, with what all calls to the client fail with.
 */
export function whenResolved(client: object): Promise<void> {
  const cap = ClientBase.cap(theClient(client, "whenResolved"));
  return resolving(cap) ?? new Promise((resolve, reject) => settle(cap, resolve, reject));
}

/** The same of a capability; undefined when there is nothing to wait for. */
export function resolving(cap: number): Promise<void> | undefined {
  handle(RESOLVED, onResolved);
  if (!glue.watch_cap(cap)) return undefined;
  return new Promise((resolve, reject) => {
    const onKnown = (): void => settle(cap, resolve, reject);
    const others = waiting.get(cap);
    if (others === undefined) waiting.set(cap, [onKnown]);
    else others.push(onKnown);
  });
}

function settle(cap: number, resolve: () => void, reject: (error: unknown) => void): void {
  if (glue.is_broken(cap)) reject(takeFailure());
  else resolve();
}

/** Whether two clients lead to the same object, as far as is known by now: see `whenResolved`. */
export function isSame(one: object, other: object): boolean {
  return glue.is_same_cap(ClientBase.cap(theClient(one, "isSame")), ClientBase.cap(theClient(other, "isSame")));
}

function onResolved(cap: number): void {
  const settles = waiting.get(cap);
  settles?.shift()?.();
  if (settles?.length === 0) waiting.delete(cap);
  glue.release_cap(cap);
}
