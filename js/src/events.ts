import * as glue from "../wasm/capstan_web.js";
import { onClosed } from "./connection.js";
import { onFailed, onReady, onReturn } from "./pending.js";
import { reportWord } from "./report.js";
import { refresh } from "./seam/memory.js";
import { onCall, onCanceled, onObjectReleased } from "./serve.js";

/*
 * What the vat tells, taken out one event at a time. Nothing here runs code of the user's: promises
 * are settled, and whatever else has to be called is called in a microtask.
 */

const NONE = 0;
const RETURN = 1;
const FAILED = 2;
const STREAM_READY = 3;
const STREAM_FAILED = 4;
const CALL = 5;
const CANCELED = 6;
const OBJECT_RELEASED = 7;
const CLOSED = 8;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Called once when the wasm is there. */
export function startEvents(): void {
  glue.set_hooks({
    wake: () => queueMicrotask(drain),
    setTimer(millis: number) {
      clearTimeout(timer);
      timer = setTimeout(glue.on_timer, millis);
    },
  });
}

/** Takes all events that wait. */
export function drain(): void {
  for (;;) {
    const kind = glue.next_event();
    if (kind === NONE) return;
    refresh();
    const first = reportWord(0);
    switch (kind) {
      case RETURN:
        onReturn(first, reportWord(1));
        break;
      case FAILED:
      case STREAM_FAILED:
        onFailed(first);
        break;
      case STREAM_READY:
        onReady(first);
        break;
      case CALL:
        onCall({
          answer: first,
          object: reportWord(1),
          interfaceHigh: reportWord(2),
          interfaceLow: reportWord(3),
          method: reportWord(4),
          payload: reportWord(5),
        });
        break;
      case CANCELED:
        onCanceled(first);
        break;
      case OBJECT_RELEASED:
        onObjectReleased(first);
        break;
      case CLOSED:
        onClosed(first);
        break;
    }
  }
}
