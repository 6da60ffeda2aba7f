/** A Uint8Array, also of another frame, worker or test environment. */
export function isBytes(value: unknown): value is Uint8Array {
  return (
    value instanceof Uint8Array ||
    (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]")
  );
}

export const NO_BYTES: Uint8Array<ArrayBuffer> = /* @__PURE__ */ new Uint8Array(0);
export const NO_VIEW: DataView = /* @__PURE__ */ new DataView(NO_BYTES.buffer);

/** An ArrayBuffer or SharedArrayBuffer, likewise. */
export function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

/** Whether a buffer's bytes were transferred to somebody else. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    // Of a buffer that is only empty, an array can be made.
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}
