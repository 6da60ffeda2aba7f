/*
 * The chunks that Chromium makes of a file, of 2 MiB each when the way is slow, it clears away late: its collector waits for 64 MB
 * of them, and looks at those that the browser has made only when a script makes a buffer of its own, if they are 32 MiB together.
 * So one is made now and then and not used: never touched, it takes no memory, but has a length that counts.
 */

/** Far too rarely to cost anything. */
const PAUSE_MS = 100;
/** How much longer than what was written: that is an eighth of what the collector waits for then. */
const TIMES = 7;
const LONGEST_BYTES = 24 << 20;
/** Bytes per millisecond: what goes faster is over soon, and the collector comes often by itself. */
const FAST = 100_000;
/** Other collectors look in other ways. */
const IS_CHROMIUM = /* @__PURE__ */ (() => /Chrom(e|ium)\//.test(globalThis.navigator?.userAgent ?? ""))();

let writtenBytes = 0;
let lastMs = 0;

/** To be called with the length of each chunk that is garbage soon. */
export function clearAway(bytes: number): void {
  if (!IS_CHROMIUM) return;
  writtenBytes += bytes;
  const now = performance.now();
  const pause = now - lastMs;
  if (pause < PAUSE_MS) return;
  const isFast = writtenBytes > FAST * pause;
  const unused = Math.min(TIMES * writtenBytes, LONGEST_BYTES);
  lastMs = now;
  writtenBytes = 0;
  if (isFast) return;
  try {
    // A bundler would leave out a buffer for which nobody asks.
    writtenBytes = new ArrayBuffer(unused).byteLength - unused;
  } catch {
    // There is no such memory: the collector has reasons of its own to hurry.
  }
}
