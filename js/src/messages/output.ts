import { u32, u8, wasm } from "./memory.js";
import { foundAddress, foundCount, live, type OpenMessage, type Place, refused } from "./place.js";
import { LARGE_COPY_BYTES } from "../sizes.js";

/** The framed message as it was built. */
export function frameOf(message: OpenMessage): Uint8Array<ArrayBuffer> {
  live(message);
  if (wasm.message_segments(message.id) !== 0) throw refused(message.name);
  live(message);
  const segments = u32.slice(foundAddress() >>> 2, (foundAddress() >>> 2) + foundCount() * 2);
  const count = segments.length / 2;
  const tableBytes = ((count >>> 1) + 1) * 8;
  let bytes = tableBytes;
  for (let i = 0; i < count; i++) bytes += segments[i * 2 + 1] as number;
  const frame = new Uint8Array(bytes);
  const table = new Uint32Array(frame.buffer);
  table[0] = count - 1;
  let at = tableBytes;
  for (let i = 0; i < count; i++) {
    const [address, length] = [segments[i * 2] as number, segments[i * 2 + 1] as number];
    table[1 + i] = length / 8;
    frame.set(u8.subarray(address, address + length), at);
    at += length;
  }
  return frame;
}

/** A copy of a part of a message, as a message of one segment. */
export function flatten({ message, address, nesting, dataBytes, pointers }: Place, name: string): Uint8Array<ArrayBuffer> {
  live(message);
  if (wasm.message_flatten(message.id, address, nesting, dataBytes, pointers) !== 0) throw refused(name);
  live(message);
  const copy = u8.slice(foundAddress(), foundAddress() + foundCount());
  // Wasm keeps the memory for the next message, unless it turns out to be small.
  if (copy.length > LARGE_COPY_BYTES) wasm.message_room(0);
  return copy;
}

