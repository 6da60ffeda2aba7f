import WebSocket from "ws";
import type { WebSocketLike } from "./types.js";

/*
 * Sockets of `ws` keep what they are given until it is with the operating system, and then say so. Until then each frame needs a buffer of its
 * own; making one for each of a stream's costs a seventh of the time that sending them takes, most of it in the garbage collector.
 */

/** Room for a usual chunk of a stream with everything around it. */
const BUFFER_BYTES = 72 * 1024;
/** Frames that are shorter are not worth a callback. */
const SHORT_BYTES = 8 * 1024;
/** More are left to the garbage collector. */
const MOST_FREE = 16;

/** Buffers that their sockets are done with. */
const free: Uint8Array<ArrayBuffer>[] = [];

/** For a socket of `ws`: a `send` that is done with the bytes when it returns. */
export function lend(socket: WebSocketLike): ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined {
  if (!(socket instanceof WebSocket)) return undefined;
  return (bytes) => {
    if (bytes.length < SHORT_BYTES || bytes.length > BUFFER_BYTES) {
      socket.send(bytes.slice());
      return;
    }
    const buffer = free.pop() ?? new Uint8Array(BUFFER_BYTES);
    buffer.set(bytes);
    socket.send(buffer.subarray(0, bytes.length), (error) => {
      // Who knows what a socket that failed still does with it.
      if (error == null && free.length < MOST_FREE) free.push(buffer);
    });
  };
}
