import { makeInspectable } from "./inspect.js";
import { guard, guardLists } from "./messages/guard.js";
import * as mistakes from "./seam/mistakes.js";
import { aid } from "./seam/outgoing.js";

/**
 * What helps people who write programs, for the entry points of places where size does not matter: errors say where in a
 * value a mistake is and which name was meant, and consoles and assertions look into views and builders.
 */
export function loadAids(): void {
  aid.mistakes = mistakes;
  aid.guard = guard;
  guardLists();
  makeInspectable();
}
