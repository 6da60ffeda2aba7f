import { u8 } from "./memory.js";
import { MAX_LIST } from "../seam/fields.js";
import { textAt } from "../seam/memory.js";
import { SHORT_IN, SHORT_OUT } from "../seam/text-costs.js";
import { checkBytes, tooLong, utf8, wrong } from "../seam/writer.js";
import { A_DATA, A_TEXT, foundAddress, foundCount, make, type OpenMessage } from "./place.js";

/** The text that was found last. It is known to be UTF-8. */
export function foundText(): string {
  const start = foundAddress();
  const length = foundCount();
  const end = start + length;
  if (length <= SHORT_OUT) {
    const bytes = u8;
    let text = "";
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte > 127) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  return textAt(u8, start, length);
}

/** A copy of the bytes that were found last. */
export function foundData(): Uint8Array<ArrayBuffer> {
  const start = foundAddress();
  return u8.slice(start, start + foundCount());
}

export function setText(message: OpenMessage, pointer: number, value: unknown, field: string): void {
  if (typeof value !== "string") throw wrong(field, "a string", value);
  const length = value.length;
  if (length <= SHORT_IN && isAscii(value)) {
    make(message, pointer, A_TEXT, length, 0, field);
    const bytes = u8;
    const at = foundAddress();
    for (let i = 0; i < length; i++) bytes[at + i] = value.charCodeAt(i);
    return;
  }
  const bytes = utf8.encode(value);
  if (bytes.length >= MAX_LIST) throw tooLong(field, bytes.length, "bytes");
  make(message, pointer, A_TEXT, bytes.length, 0, field);
  u8.set(bytes, foundAddress());
}

export function setData(message: OpenMessage, pointer: number, value: unknown, field: string): void {
  checkBytes(field, value);
  if (value.length > MAX_LIST) throw tooLong(field, value.length, "bytes");
  make(message, pointer, A_DATA, value.length, 0, field);
  u8.set(value, foundAddress());
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
