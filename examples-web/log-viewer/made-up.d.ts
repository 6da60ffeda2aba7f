import type { Entry } from "./log.capnp.js";

/** The entry of that row, from 0. */
export declare function madeUp(row: number): Entry.Input;
