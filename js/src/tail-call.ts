import { answerWithCall, methodsOf } from "./call.js";
import { ClientBase, theClient } from "./client.js";
import { ANSWER, type Answering } from "./serve.js";

type Method = (params?: never, options?: never) => PromiseLike<unknown>;

/** The names of a client's methods that have results. */
type CalledNames<C> = {
  [K in keyof C]: C[K] extends (...args: never[]) => infer R ? ([R] extends [Promise<void>] ? never : K) : never;
}[keyof C];

type ParamsOf<F> = F extends (params?: infer P, ...rest: never[]) => unknown ? P : never;

/**
 * What a served method returns to have its call answered with the results of another one, as in
 * `open: (params) => tailCall(upstream, "open", params)`. The call is made when the method returns. What is pipelined on its
 * results does not wait for them, and a caller who gives up gives up both. Results that come from the caller's own side need not
 * come by here, when the connection has `tailCalls`.
 */
export function tailCall<C extends object, Name extends CalledNames<C> & string>(
  client: C,
  name: Name,
  params?: ParamsOf<C[Name]>,
): C[Name] extends Method ? Awaited<ReturnType<C[Name]>> : never {
  const target = theClient(client, "tailCall");
  const { name: type } = ClientBase.type(target);
  const method = methodsOf(ClientBase.type(target)).find((each) => each.name === name);
  if (method === undefined) throw new TypeError(`tailCall(): ${type} has no method ${name}`);
  if (method.streaming) throw new TypeError(`tailCall(): ${method.label} is a streaming method, which has no results`);
  const answering: Answering = {
    [ANSWER](answer) {
      answerWithCall(answer, target, method, params as object | undefined);
    },
  };
  return answering as never;
}
