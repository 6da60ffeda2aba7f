/** How a caller may react to a failure. */
export type ErrorKind =
  /** Something went wrong, and trying again will not help. */
  | "failed"
  /** Some resource ran out; trying again later may work. */
  | "overloaded"
  /** The connection to the object was lost; connecting again may work. */
  | "disconnected"
  /** The object does not have this method. */
  | "unimplemented";

/** The kinds by their ordinals on the wire. */
export const ERROR_KINDS = ["failed", "overloaded", "disconnected", "unimplemented"] as const;

/** Any failure of a connection, of a call, or of a message. */
export class CapnpError extends Error {
  /** Always this, whatever a minifier does to the class. */
  override readonly name = "CapnpError";
  /** What can be done about it. */
  declare readonly kind: ErrorKind;
  /** What went wrong, in the words of the side where it did. */
  declare readonly reason: string;
  /** The stack at the other side, if it sent one. */
  declare readonly trace: string | undefined;

  constructor(kind: ErrorKind, reason: string, options: { trace?: string | undefined; cause?: unknown } = {}) {
    super(reason, options);
    this.kind = kind;
    this.reason = this.message;
    this.trace = options.trace;
  }
}

/**
 * What a person can read of something that was thrown. Always a string, whatever an error says its message is: wasm-bindgen
 * takes the length of what it is given for a string's, and anything else would damage wasm's memory.
 */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message || thrown.name : thrown);
  } catch {
    return "something that cannot be shown was thrown";
  }
}
