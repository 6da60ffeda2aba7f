import { elementOf, type PointerType, type ViewOf } from "../seam/types.js";
import { follower, type Mode } from "./behind.js";
import { flatten } from "./output.js";
import { BEHIND_POINTER, live, type OpenMessage } from "./place.js";
import type * as types from "./types.js";

/** The inside of an AnyPointer, for functions over them. */
export let pointerOf: (any: AnyPointerView) => { message: OpenMessage; pointer: number; nesting: number };

/** What is behind an AnyPointer, in a view or a builder. It is not null. */
export class AnyPointerView implements types.AnyPointerView {
  readonly #message: OpenMessage;
  readonly #pointer: number;
  readonly #nesting: number;
  readonly #mode: Mode;
  readonly #name: string;

  constructor(message: OpenMessage, pointer: number, nesting: number, mode: Mode, name: string) {
    this.#message = message;
    this.#pointer = pointer;
    this.#nesting = nesting;
    this.#mode = mode;
    this.#name = name;
  }

  get message(): Uint8Array {
    return flatten(this.#message, this.#pointer, this.#nesting, BEHIND_POINTER, 0, this.#name);
  }

  as<T extends PointerType>(type: T): ViewOf<T> {
    live(this.#message);
    return follower(elementOf(type), this.#mode, this.#name)(this.#message, this.#pointer, this.#nesting) as ViewOf<T>;
  }

  get [Symbol.toStringTag](): string {
    return "AnyPointer";
  }

  static is(value: unknown): value is AnyPointerView {
    return typeof value === "object" && value !== null && #message in value;
  }

  static {
    pointerOf = (any) => ({ message: any.#message, pointer: any.#pointer, nesting: any.#nesting });
  }
}
