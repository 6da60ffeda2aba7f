import { type BoundMethod, methodsOf } from "./call.js";
import { shortName } from "./client.js";
import type { InterfaceInfo } from "./seam/descriptor.js";
import { DATA, isPointer } from "./seam/fields.js";

/** Which methods of an interface make a stream of it, where that has to be said. */
export interface StreamMethods {
  /** The streamed method that takes a chunk, where the interface has several. */
  readonly write?: string | undefined;
  /** The ending method, which `close()` awaits; `end`, `done` or `close` when there is one of them, and `null` for none. */
  readonly end?: string | null | undefined;
}

const ENDINGS = ["end", "done", "close"];

/** `caller` is what the errors name. */
export function inferMethods(
  caller: string,
  info: InterfaceInfo,
  options: StreamMethods,
): { write: BoundMethod; end: string | undefined; field: string; isData: boolean } {
  const name = shortName(info.name);
  const methods = methodsOf(info);
  const named = (wanted: string): BoundMethod => {
    const method = methods.find((each) => each.name === wanted);
    if (method === undefined) throw new TypeError(`${caller}(): ${name} has no method ${wanted}`);
    return method;
  };
  const write = options.write === undefined ? theOnly(caller, methods, name) : named(options.write);
  if (!write.streaming) throw new TypeError(`${caller}(): ${write.label} is not a streaming method (-> stream)`);
  const [field, ...others] = write.params().$.fields();
  if (field === undefined || others.length > 0 || !isPointer(field.type)) {
    throw new TypeError(`${caller}(): ${write.label} must have exactly one parameter, of type Data or behind a pointer`);
  }
  let end: string | undefined;
  if (options.end === undefined) {
    end = ENDINGS.find((ending) => methods.some((method) => method.name === ending && !method.streaming));
    if (end === undefined) {
      throw new TypeError(
        `${caller}(): ${name} has no method end, done or close; name the ending method as { end: "…" }, or say { end: null } if it has none`,
      );
    }
  } else if (options.end !== null) {
    const ending = named(options.end);
    if (ending.streaming) throw new TypeError(`${caller}(): ${ending.label} is a streaming method; the ending one has to return`);
    end = ending.name;
  }
  return { write, end, field: field.name, isData: field.type === DATA };
}

function theOnly(caller: string, methods: readonly BoundMethod[], name: string): BoundMethod {
  const streamed = methods.filter((method) => method.streaming);
  const [only] = streamed;
  if (only !== undefined && streamed.length === 1) return only;
  if (only === undefined) throw new TypeError(`${caller}(): ${name} has no streaming method (-> stream)`);
  const names = streamed.map((method) => method.name).join(", ");
  throw new TypeError(`${caller}(): ${name} has several streaming methods (${names}); name one as { write: "…" }`);
}
