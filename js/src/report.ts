import * as glue from "../wasm/capstan_web.js";
import { refresh, u32 } from "./seam/memory.js";
import type { PathStats } from "./types.js";

/*
 * The two blocks of wasm memory through which lists of integers pass: the report, in which Rust says
 * what an event or a question is about, and the list, for both directions.
 */

let reportIndex = 0;

/** Called once when the wasm is there. */
export function startReport(): void {
  reportIndex = glue.report_address() >>> 2;
}

/** One word of the report. Views must be fresh. */
export function reportWord(index: number): number {
  return u32[reportIndex + index] as number;
}

/** Numbers that stand in the report as two words each. */
export function readPairs(first: number, count: number): number[] {
  refresh();
  return Array.from({ length: count }, (_, i) => {
    const low = reportWord(first + i * 2);
    return low + reportWord(first + i * 2 + 1) * 4294967296;
  });
}

const MODES = [undefined, "growing", "steady", "draining"] as const;

/** What is known of the way to the other side; it stands in the report from `first` on. */
export function readPath(first: number): PathStats {
  const [btlBw, micros] = readPairs(first, 2) as [number, number];
  return { btlBw, rtProp: micros > 0 ? micros / 1000 : undefined, mode: MODES[reportWord(first + 4)] };
}

/** The list with room for so many entries, as an index into `u32`. Refreshes the views. */
export function listIndex(count: number): number {
  const address = glue.list_address(count);
  refresh();
  return address >>> 2;
}

/** Puts values into the list. */
export function writeList(values: readonly number[]): void {
  if (values.length === 0) return;
  const index = listIndex(values.length);
  values.forEach((value, i) => {
    u32[index + i] = value;
  });
}

/** The list's first entries. */
export function readList(count: number): number[] {
  if (count === 0) return [];
  const index = listIndex(count);
  return Array.from(u32.subarray(index, index + count));
}
