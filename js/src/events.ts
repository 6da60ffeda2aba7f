import * as glue from "../wasm/capstan_web.js";
import { onClosed } from "./connection.js";
import { onFailed, onReady, onReturn } from "./pending.js";
import { reportWord } from "./report.js";
import { refresh } from "./seam/memory.js";
import { LONGEST_MILLIS } from "./timer.js";

/*
 * What the vat tells, taken out one event at a time. Nothing here runs code of the user's: promises
 * are settled, and whatever else has to be called is called in a microtask.
 */

/** Is told the first word of the report; the views are fresh. */
export type EventHandler = (first: number) => void;

export const CALL = 5;
export const CANCELED = 6;
export const OBJECT_RELEASED = 7;
export const RESOLVED = 9;

/** By kind: nothing, return, failed, stream ready, stream failed, three that `serve` handles, closed, one of `whenResolved`. */
const handlers: (EventHandler | undefined)[] = [
  undefined,
  (call) => onReturn(call, reportWord(1)),
  onFailed,
  onReady,
  onFailed,
  undefined,
  undefined,
  undefined,
  onClosed,
];

/** What only some programs need comes with what they use, so that the others need not load it. */
export function handle(kind: number, handler: EventHandler): void {
  handlers[kind] = handler;
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Called once when the wasm is there. */
export function startEvents(): void {
  glue.set_hooks({
    wake: () => queueMicrotask(drain),
    awaitTurn: () => queueMicrotask(endTurn),
    setTimer(millis: number) {
      clearTimeout(timer);
      // One that is too long for a timer rings earlier, and is set again.
      timer = setTimeout(glue.on_timer, Math.min(millis, LONGEST_MILLIS));
      // Connections keep a program alive, not the watching over them.
      (timer as { unref?: () => void }).unref?.();
    },
  });
}

/** Lets messages go that wait for others to share a frame with: those of all code that goes on in this turn. */
function endTurn(): void {
  if (!glue.on_turn()) queueMicrotask(endTurn);
}

/** Takes all events that wait. */
export function drain(): void {
  for (;;) {
    const kind = glue.next_event();
    if (kind === 0) return;
    refresh();
    handlers[kind]?.(reportWord(0));
  }
}
