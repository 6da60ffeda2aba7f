import { elementOf, type PointerType, type ViewOf } from "../seam/types.js";
import { follower, type Mode } from "./behind.js";
import { flatten } from "./output.js";
import { behind, live, type OpenMessage, type Part, part, type Place } from "./place.js";
import type * as types from "./types.js";

/** What is behind an AnyPointer, in a view or a builder. It is not null. */
export class AnyPointerView implements types.AnyPointerView, Part {
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

  get message(): Uint8Array<ArrayBuffer> {
    return flatten(this[part](), this.#name);
  }

  [part](): Place {
    live(this.#message);
    return behind(this.#message, this.#pointer, this.#nesting);
  }

  as<T extends PointerType>(type: T): ViewOf<T> {
    live(this.#message);
    return follower(elementOf(type), this.#mode, this.#name)(this.#message, this.#pointer, this.#nesting) as ViewOf<T>;
  }

  get [Symbol.toStringTag](): string {
    return "AnyPointer";
  }
}
