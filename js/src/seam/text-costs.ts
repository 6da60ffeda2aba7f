/*
 * What texts cost: a loop costs 1.5 ns per character; `encodeInto` costs next to nothing per character, but 60 ns per call in Node and
 * 300 in Chromium, where a new string made of many costs 20 ns for each. All in UTF-16 units.
 *
 * A module of its own, without imports: so bundlers put the numbers where the names are.
 */

/** Up to here nothing beats a loop. */
export const SHORT_TEXT = 16;
/** Up to here a loop is the lesser evil for a text by itself. */
export const LOOPED_TEXT = 64;
/** From here on a text is worth a call. */
export const LONG_TEXT = 2048;
/** Texts that are worth a call together. */
export const WORTH_A_CALL = 192;
/** More are not kept waiting. */
export const MAX_WAITING = 32 * 1024;
/** Messages to pass before texts are taken to be ASCII again when some were not. */
export const PATIENCE = 16;

/** Up to here a loop beats `TextDecoder`, which costs some 350 ns in Node and 900 in Chromium whatever the length. */
export const SHORT_OUT = 24;
/** Up to here a loop beats `TextEncoder`, with a text by itself. */
export const SHORT_IN = 48;
