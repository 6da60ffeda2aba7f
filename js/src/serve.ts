import * as glue from "../wasm/capstan_web.js";
import { announceResults, type BoundMethod, methodsOf, sendResults } from "./call.js";
import { ClientBase, makeClient, shortName, tracker } from "./client.js";
import { CapnpError, ERROR_KINDS, messageOf } from "./errors.js";
import { CALL, CANCELED, handle, OBJECT_RELEASED } from "./events.js";
import { requireInit } from "./runtime.js";
import { Connection } from "./connection.js";
import { discardPayload, NONE, takePayload } from "./payload.js";
import { readList, reportWord, writeList } from "./report.js";
import { checkType } from "./seam/check-type.js";
import type { InterfaceDescriptor } from "./seam/descriptor.js";
import { decodeContent } from "./seam/incoming.js";
import { refresh } from "./seam/memory.js";
import { aid } from "./seam/outgoing.js";
import { wrong } from "./seam/writer.js";
import { dispose } from "./symbols.js";
import type { CallContext } from "./types.js";

/** An object of the user's that the vat hosts. */
export interface Served {
  readonly type: InterfaceDescriptor;
  readonly methods: readonly BoundMethod[];
  readonly implementation: Record<string, unknown>;
  /** Whether its last call was a streamed one; undefined before the first. */
  isStreaming?: boolean;
  /** In place of methods: passes every call on, of whatever interface, with the capability that this returns as its target. */
  readonly passTo?: (() => number) | undefined;
}

/** How an object is served. */
export interface ServeOptions {
  /**
   * True lets every call come at once, even while a streamed one runs. The object then sees to the order of its data itself, and an
   * ending method may be called before a write is done. By default streamed calls come one at a time, and others after those that
   * were made before them.
   */
  readonly concurrent?: boolean | undefined;
}

/** In place of results: answers the call itself. */
export const ANSWER: unique symbol = Symbol("capstan.answer");

export interface Answering {
  [ANSWER](answer: number): void;
}

interface IncomingCall {
  readonly answer: number;
  readonly object: number;
  readonly interfaceHigh: number;
  readonly interfaceLow: number;
  readonly method: number;
  readonly payload: number;
}

const served = new Map<number, Served>();
/** Answers whose method is running. */
const running = new Map<number, Context>();

class Context implements CallContext {
  readonly #answer: number;
  readonly #method: BoundMethod;
  #controller: AbortController | undefined;
  #isCanceled = false;

  constructor(answer: number, method: BoundMethod) {
    this.#answer = answer;
    this.#method = method;
  }

  setPipeline(results: object): void {
    // Of a call that has been answered there is nothing left to say.
    if (running.get(this.#answer) === this) announceResults(this.#answer, this.#method, results);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isCanceled) this.cancel();
    return this.#controller.signal;
  }

  cancel(): void {
    this.#isCanceled = true;
    this.#controller?.abort(new CapnpError("failed", "the caller does not want the results any more"));
  }
}

/**
 * Makes a client of an object of yours, to be passed in parameters and results or as a connection's `bootstrap`. Each of
 * the interface's methods is a method of the object: it takes the parameters as a plain object and returns the results as
 * one, or a promise of them. What it throws fails the call; a method that is missing is `unimplemented`. A streamed
 * method is called for one chunk at a time: the next one comes when its promise has resolved, unless the object is to be
 * `concurrent`. The object's `Symbol.dispose` method, if it has one, is called when no client of it is left, here or
 * anywhere.
 *
 * @throws CapnpError before `init()`; TypeError for what is no object with methods of the interface.
 * @example
 * const client = serve(Files, {
 *   async create({ name, size }) {
 *     return { sink: fromWritable(ByteSink, await open(name, size)) };
 *   },
 *   list: () => ({ entries: [{ name: "a.bin", size: 7n }] }),
 * });
 */
export function serve<Client, Server extends object>(
  type: InterfaceDescriptor<Client, Server>,
  implementation: Partial<Server>,
  options: ServeOptions = {},
): Client {
  requireInit("serve");
  checkType(type, "interface", "serve()");
  const methods = methodsOf(type.$);
  checkImplementation(methods, implementation);
  aid.mistakes?.checkMethods(shortName(type.$.name), methods, implementation);
  const streaming = methods.filter((method) => method.streaming);
  return host({ type, methods, implementation: implementation as Record<string, unknown> }, streaming, options.concurrent === true);
}

function checkImplementation(methods: readonly BoundMethod[], implementation: unknown): void {
  const wanted = "an object with the methods of the interface";
  if (Object(implementation) !== implementation) throw wrong("serve()", wanted, implementation);
  let count = 0;
  for (const { name, label } of methods) {
    const body = (implementation as Record<string, unknown>)[name];
    // Every function has a name, a length and methods.
    if (typeof body === "function" && body !== Function.prototype[name as "call"]) count++;
    else if (body !== undefined && typeof implementation !== "function") throw wrong(`serve(): ${label}`, "a function", body);
  }
  if (typeof implementation === "function" && count === 0) {
    throw new TypeError(`serve(): expected ${wanted}, got a class or function without them; pass an instance: new ${implementation.name || "…"}()`);
  }
}

/** What is known of the object that a client leads to, if it is served here. */
export function hosted(client: ClientBase): Served | undefined {
  return served.get(glue.local_object(ClientBase.cap(client)));
}

/**
 * Whether closing a connection now would cut something off: a call of either side that is not answered, or a stream to an object
 * of this side. A stream lasts from when the other side has the object, for the bootstrap object from the first streamed call, to an
 * ordinary call of it, such as its ending method, or until the other side lets go of it.
 */
export function isBusy(connection: Connection): boolean {
  const count = glue.exported_objects(Connection.id(connection));
  refresh();
  if (count >>> 0 === NONE) return true;
  const [bootstrap, ...held] = readList(count);
  return held.some((id) => {
    const object = served.get(id);
    return object !== undefined && (object.isStreaming ?? (id !== bootstrap && object.methods.some(({ streaming }) => streaming)));
  });
}

/** Makes a client of an object. The streaming methods are those that run one at a time. */
export function host<Client>(object: Served, streaming: readonly BoundMethod[], concurrent: boolean): Client {
  handle(CALL, takeCall);
  handle(CANCELED, onCanceled);
  handle(OBJECT_RELEASED, onObjectReleased);
  writeList(streaming.flatMap((method) => [method.interfaceHigh, method.interfaceLow, method.ordinal]));
  const cap = glue.add_object(streaming.length, concurrent);
  refresh();
  served.set(reportWord(0), object);
  return makeClient(object.type as InterfaceDescriptor<Client>, cap);
}

function takeCall(answer: number): void {
  onCall({
    answer,
    object: reportWord(1),
    interfaceHigh: reportWord(2),
    interfaceLow: reportWord(3),
    method: reportWord(4),
    payload: reportWord(5),
  });
}

function onCall(call: IncomingCall): void {
  const { answer, payload } = call;
  let method: BoundMethod | undefined;
  let start: (context: Context) => unknown;
  try {
    const object = served.get(call.object);
    if (object?.passTo !== undefined) {
      glue.pass_call(answer, call.interfaceHigh, call.interfaceLow, call.method, payload, object.passTo());
      return;
    }
    method = object && findMethod(object, call);
    if (object === undefined || method === undefined) throw unknownMethod(object, call);
    const { implementation } = object;
    const { name, label } = method;
    const body = implementation[name];
    if (typeof body !== "function") throw new CapnpError("unimplemented", `${label} is not implemented by this object`);
    object.isStreaming = method.streaming;
    tracker?.from(`the parameters of ${label}`);
    const params = takePayload(payload, (cap) => decodeContent((method as BoundMethod).params(), payload, cap));
    start = (context) => (body as (params: unknown, context: CallContext) => unknown).call(implementation, params, context);
  } catch (error) {
    discardPayload(payload);
    fail(answer, error);
    return;
  } finally {
    tracker?.from(undefined);
  }
  const context = new Context(answer, method);
  running.set(answer, context);
  void answerWith(answer, method, context, start);
}

function onCanceled(answer: number): void {
  const context = running.get(answer);
  if (context !== undefined) queueMicrotask(() => context.cancel());
}

function onObjectReleased(object: number): void {
  const implementation: Partial<Disposable> | undefined = served.get(object)?.implementation;
  served.delete(object);
  if (typeof implementation?.[dispose] === "function") queueMicrotask(() => implementation[dispose]?.());
}

async function answerWith(
  answer: number,
  method: BoundMethod,
  context: Context,
  start: (context: Context) => unknown,
): Promise<void> {
  try {
    // Code of the user's never runs while events are being taken.
    await undefined;
    const results = ((await start(context)) ?? {}) as object & Partial<Answering>;
    running.delete(answer);
    if (results[ANSWER] !== undefined) results[ANSWER](answer);
    else sendResults(answer, method, results);
  } catch (error) {
    running.delete(answer);
    fail(answer, error);
  }
}

function findMethod(object: Served, call: IncomingCall): BoundMethod | undefined {
  return object.methods.find(
    (method) =>
      method.ordinal === call.method &&
      method.interfaceLow === call.interfaceLow &&
      method.interfaceHigh === call.interfaceHigh,
  );
}

function unknownMethod(object: Served | undefined, call: IncomingCall): CapnpError {
  const id = (BigInt(call.interfaceHigh) << 32n) | BigInt(call.interfaceLow);
  const name = object?.type.$.name ?? "this object";
  return new CapnpError("unimplemented", `${name} has no method ${call.method} of interface @0x${id.toString(16)}`);
}

function fail(answer: number, error: unknown): void {
  const kind = error instanceof CapnpError ? ERROR_KINDS.indexOf(error.kind) : 0;
  // The stack stays here: it is nobody else's business.
  glue.return_exception(answer, kind, messageOf(error), "");
}
