import * as glue from "../wasm/capstan_web.js";
import { type CallPromiseClass, CallState } from "./call-promise.js";
import { ClientBase, releaseGiven, shortName } from "./client.js";
import { abandon, checkPatience, expect, giveUpOn, handled, takeFailure } from "./pending.js";
import { writeList } from "./report.js";
import type { InterfaceInfo, MethodDescriptor } from "./seam/descriptor.js";
import { encodeContent, sizeHint } from "./seam/outgoing.js";
import type { PointerType } from "./seam/types.js";
import { inShortTurns } from "./turn.js";
import type { CallOptions } from "./types.js";

const STREAM_READY = 0xffffffff;
const STREAM_FAILED = 0xfffffffe;

/** A method as the hot paths want it. */
export interface BoundMethod extends MethodDescriptor {
  readonly interfaceHigh: number;
  readonly interfaceLow: number;
  /** For messages, such as `Files.create`. */
  readonly label: string;
  /** The class of its call promises, when capabilities can be reached through them. */
  promiseClass: CallPromiseClass | null | undefined;
}

/** Clients met by the encoder; used again by every call. */
const met: object[] = [];

const bound = new WeakMap<InterfaceInfo, readonly BoundMethod[]>();

/** The methods of an interface, those of its ancestors included. */
export function methodsOf(info: InterfaceInfo): readonly BoundMethod[] {
  let methods = bound.get(info);
  if (methods === undefined) {
    methods = bindMethods(info);
    bound.set(info, methods);
  }
  return methods;
}

function bindMethods(info: InterfaceInfo): BoundMethod[] {
  const methods: BoundMethod[] = [];
  const seen = new Set<InterfaceInfo>();
  const visit = (each: InterfaceInfo): void => {
    if (seen.has(each)) return;
    seen.add(each);
    for (const ancestor of each.extends()) visit(ancestor.$);
    const interfaceHigh = Number(each.id >> 32n);
    const interfaceLow = Number(each.id & 0xffffffffn);
    for (const method of each.methods) {
      const label = `${shortName(each.name)}.${method.schemaName}`;
      methods.push({ ...method, interfaceHigh, interfaceLow, label, promiseClass: undefined });
    }
  };
  visit(info);
  return methods;
}

/** A generic method whose type parameters stand for these. */
export function applied(method: BoundMethod, types: readonly PointerType[]): BoundMethod {
  const { params, results } = method;
  return { ...method, params: () => params(...types), results: results && (() => results(...types)), promiseClass: undefined };
}

/** Makes an ordinary call: a promise of its results, with clients on it for those to come. */
export function call(
  target: ClientBase,
  method: BoundMethod,
  params: object | undefined,
  options: CallOptions | undefined,
): Promise<unknown> {
  const state = new CallState(method);
  const promise = state.makePromise();
  try {
    if (options !== undefined) checkPatience(options);
    encodeCall(method, params);
    state.id = finishCall(target, glue.call_finish);
  } catch (error) {
    state.fail(error);
    return promise;
  }
  expect(state);
  if (options !== undefined) {
    state.cleanUp = giveUpOn(options, method.label, (reason) => {
      abandon(state.id);
      state.fail(reason);
    });
  }
  return promise;
}

/** Makes a streamed call: a promise that resolves when there is room for the next. */
export function stream(
  target: ClientBase,
  method: BoundMethod,
  params: object | undefined,
  options: CallOptions | undefined,
): Promise<void> {
  return streamed(target, method, params, options) ?? Promise.resolve();
}

/** As `stream`, but gives no promise when there is room. */
export function streamed(
  target: ClientBase,
  method: BoundMethod,
  params: object | undefined,
  options: CallOptions | undefined,
): Promise<void> | undefined {
  let code: number;
  try {
    if (options !== undefined) checkPatience(options);
    encodeCall(method, params);
    code = finishCall(target, glue.stream_finish);
  } catch (error) {
    // Nothing went out, and so the stream does not know: this must not go unnoticed.
    return Promise.reject(error);
  }
  return code === STREAM_READY ? inShortTurns(target) : admitted(code, method.label, options);
}

/** Resolves when none of a client's streamed calls is in flight any more. */
export function settled(client: ClientBase, options: CallOptions | undefined): Promise<void> {
  return admitted(glue.stream_settle(ClientBase.cap(client)), "", options) ?? Promise.resolve();
}

function admitted(code: number, label: string, options: CallOptions | undefined): Promise<void> | undefined {
  if (code === STREAM_READY) return undefined;
  if (code === STREAM_FAILED) return handled(Promise.reject(takeFailure()));
  return handled(waitForRoom(code, label, options));
}

function waitForRoom(id: number, label: string, options: CallOptions | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let cleanUp: (() => void) | undefined;
    expect({
      id,
      onReturn: undefined,
      onReady() {
        cleanUp?.();
        resolve();
      },
      onFailed(error) {
        cleanUp?.();
        reject(error);
      },
    });
    if (options !== undefined) {
      cleanUp = giveUpOn(options, label, (reason) => {
        abandon(id);
        reject(reason);
      });
    }
  });
}

// ---- messages out ----

function encodeCall(method: BoundMethod, params: object | undefined): void {
  const type = method.params();
  glue.call_begin(method.interfaceHigh, method.interfaceLow, method.ordinal, sizeHint(type));
  try {
    encodeContent(type, params ?? {}, met);
  } catch (error) {
    glue.build_abort();
    throw error;
  }
}

function finishCall<T>(target: ClientBase, finish: (cap: number, capCount: number) => T): T {
  let cap: number;
  let count: number;
  try {
    // Asked for only now: a getter among the parameters may have released it.
    cap = ClientBase.cap(target);
    count = listMetClients();
  } catch (error) {
    glue.build_abort();
    throw error;
  }
  return finishWith(count, () => finish(cap, count));
}

/** Answers with results. */
export function sendResults(answer: number, method: BoundMethod, results: object): void {
  const count = encodeResults(method, results);
  finishWith(count, () => glue.results_finish(answer, count));
}

/** Lets calls on the capabilities in results go on that are to be sent later. */
export function announceResults(answer: number, method: BoundMethod, results: object): void {
  glue.pipeline_finish(answer, encodeResults(method, results));
}

/** Answers with the results of a call, which is made now. */
export function answerWithCall(answer: number, target: ClientBase, method: BoundMethod, params: object | undefined): void {
  encodeCall(method, params);
  finishCall(target, (cap, count) => glue.tail_call_finish(answer, cap, count));
  releaseGiven([target]);
}

/** How many clients the message carries that is to be finished. */
function encodeResults(method: BoundMethod, results: object): number {
  const type = method.results?.();
  glue.results_begin(type === undefined ? 0 : sizeHint(type));
  try {
    if (type === undefined) return 0;
    encodeContent(type, results, met);
    return listMetClients();
  } catch (error) {
    glue.build_abort();
    throw error;
  }
}

/** Ends the message that carries so many of the clients met; those that were given away are not needed any more. */
function finishWith<T>(count: number, finish: () => T): T {
  if (count === 0) return finish();
  const clients = met.splice(0) as ClientBase[];
  const result = finish();
  releaseGiven(clients);
  return result;
}

function listMetClients(): number {
  if (met.length === 0) return 0;
  writeList(met.map((client) => ClientBase.cap(client as ClientBase)));
  return met.length;
}
