import { isObject } from "../objects.js";
import { CapnpError } from "../errors.js";
import { withAdvice } from "../packed/advice.js";
import type { DecodeOptions } from "../seam/incoming.js";
import { BEHIND_POINTER, FOUND_ADDRESS, FOUND_COUNT, FOUND_DATA_BYTES, FOUND_POINTERS, FOUND_STEP_BITS, NO_LIMIT, NONE } from "./codes.js";
import { failure, headerWord, refresh, u8, view, wasm } from "./memory.js";
import { SMALL_MESSAGE_BYTES, UNWATCHED_MESSAGES } from "../sizes.js";

/*
 * Open messages, and places in them.
 *
 * A message that is read or built a field at a time lies in wasm memory. Whoever has been shown a struct or a list keeps
 * its address, and reads and writes scalars there without a call. What is behind a pointer is asked for with the
 * pointer's address, one call each: there every pointer is checked and charged against the message's limits.
 */

export * from "./codes.js";

/** What open messages call in wasm. Those that return a status return 0 when all is well. */
export interface MessageExports {
  message_room(bytes: number): number;
  message_open(traversalLimitWords: number, nestingLimit: number): number;
  message_build(): number;
  message_close(message: number): void;
  message_follow(message: number, pointer: number, nesting: number, wanted: number, size: number): number;
  message_init(message: number, pointer: number, what: number, count: number, size: number): number;
  message_copy(
    to: number,
    toAddress: number,
    toSize: number,
    message: number,
    address: number,
    nesting: number,
    dataBytes: number,
    pointers: number,
  ): number;
  message_segments(message: number): number;
  message_flatten(message: number, address: number, nesting: number, dataBytes: number, pointers: number): number;
  message_measure(message: number, address: number, nesting: number, dataBytes: number, pointers: number): number;
  /** Without an orphan takes one out; with one puts it behind the pointer, or zeroes it when the pointer is 0. */
  message_orphan(message: number, pointer: number, orphan: number): number;
}

/** The address that was found last, here and below. */
export const foundAddress = (): number => headerWord(FOUND_ADDRESS);
export const foundCount = (): number => headerWord(FOUND_COUNT);
export const foundStepBits = (): number => headerWord(FOUND_STEP_BITS);
export const foundDataBytes = (): number => headerWord(FOUND_DATA_BYTES);
export const foundPointers = (): number => headerWord(FOUND_POINTERS) & 0xffff;
/** In what was measured. */
export const foundCapabilities = (): number => headerWord(FOUND_POINTERS);
/** Of a list, on the wire. */
export const foundElementSize = (): number => headerWord(FOUND_POINTERS) >>> 16;

/** A message in wasm memory; all views and builders of its parts share one. */
export class OpenMessage {
  /** In wasm; negative once closed. */
  declare id: number;
  /** Where the root pointer is. */
  declare readonly root: number;
  declare readonly nesting: number;
  declare readonly isBuilt: boolean;
  /** What names the message to people, and the function that opened it. */
  declare readonly name: string;
  /** Whether it holds a default, for as long as the module lives. */
  isDefault = false;
  /** Shared with the registry, which must not know the message itself. */
  ticket: { id: number } | undefined = undefined;

  constructor(id: number, root: number, nesting: number, isBuilt: boolean, name: string) {
    this.id = id;
    this.root = root;
    this.nesting = nesting;
    this.isBuilt = isBuilt;
    this.name = name;
  }
}

/** Where a struct is. */
export class Place {
  declare readonly message: OpenMessage;
  declare readonly address: number;
  /** Fewer than the type has where the sender knew an older version of it. */
  declare readonly dataBytes: number;
  declare readonly pointers: number;
  /** How many structs and lists may still be entered from here. */
  declare readonly nesting: number;
  /**
   * What a view has found behind its pointers, by their index. Getters look as if they cost nothing, so what is asked
   * for again must neither be charged again nor be made again.
   */
  known: unknown[] | undefined = undefined;

  constructor(message: OpenMessage, address: number, dataBytes: number, pointers: number, nesting: number) {
    this.message = message;
    this.address = address;
    this.dataBytes = dataBytes;
    this.pointers = pointers;
    this.nesting = nesting;
  }
}

/** What views, builders and their parts have for functions over them: where they are. Address 0 is a null pointer. */
export const part: unique symbol = Symbol("capstan.part");

export interface Part {
  [part](): Place;
}

export function isPart(value: unknown): value is Part {
  return isObject(value) && part in value;
}

/** What is behind a pointer, as a place. */
export function behind(message: OpenMessage, pointer: number, nesting: number): Place {
  return new Place(message, pointer, BEHIND_POINTER, 0, nesting);
}

/** The view over memory, to read a message that must be open. */
export function live(message: OpenMessage): DataView {
  if (message.id < 0) throw closed(message);
  refresh();
  return view;
}

function closed(message: OpenMessage): CapnpError {
  return new CapnpError(
    "failed",
    `${message.name}: the message was released; what is needed longer must be copied out before, such as with decode() or toArray()`,
  );
}

/** The error for what wasm refused last. */
export function refused(field: string): CapnpError {
  refresh();
  return new CapnpError("failed", `${field}: ${failure()}`);
}

/** Follows a pointer that is not null; what was found is in the header. */
export function follow(message: OpenMessage, pointer: number, nesting: number, wanted: number, size: number, field: string): void {
  if (wasm.message_follow(message.id, pointer, nesting, wanted, size) !== 0) throw refused(field);
  refresh();
}

/** Puts something new behind a pointer; what was made is in the header. */
export function make(message: OpenMessage, pointer: number, what: number, count: number, size: number, field: string): void {
  live(message);
  if (wasm.message_init(message.id, pointer, what, count, size) !== 0) throw refused(field);
  refresh();
}

export function foundStruct(message: OpenMessage, nesting: number): Place {
  return new Place(message, foundAddress(), foundDataBytes(), foundPointers(), nesting);
}

/** Where the pointer is; 0 when the struct has no such pointer or it is null. The message must be open. */
export function pointerAt(place: Place, index: number): number {
  const memory = live(place.message);
  if (index >= place.pointers) return 0;
  const at = place.address + place.dataBytes + index * 8;
  return isNull(memory, at) ? 0 : at;
}

/** Whether there is a null pointer. */
export function isNull(memory: DataView, at: number): boolean {
  return (memory.getInt32(at, true) | memory.getInt32(at + 4, true)) === 0;
}

/** Where the pointer is in a struct under construction, null or not. */
export function slotAt(place: Place, index: number): number {
  return place.address + place.dataBytes + index * 8;
}

// ---- opening and closing ----


let openMessages = 0;
let forgotten: FinalizationRegistry<{ id: number }> | undefined;

/** Copies a message into wasm memory, segment table in front. */
export function openMessage(bytes: Uint8Array, limits: DecodeOptions | undefined, name: string): OpenMessage {
  const words = limits?.traversalLimitWords ?? 8 * 1024 * 1024;
  const nesting = Math.min(limits?.nestingLimit ?? 64, NO_LIMIT);
  const message = place(bytes, Math.min(words, 0xfffffffe), nesting, name, limits?.packed);
  watch(message, bytes.length);
  return message;
}

/** A message of our own making: without limits, and not watched. */
export function openTrusted(bytes: Uint8Array, name: string): OpenMessage {
  return place(bytes, NONE, NO_LIMIT, name);
}

/** Holds the default of a field, for all messages that ever need it. */
export function openDefault(bytes: Uint8Array, name: string): OpenMessage {
  const message = openTrusted(bytes, name);
  message.isDefault = true;
  return message;
}

function place(bytes: Uint8Array, traversalLimitWords: number, nesting: number, name: string, isPacked?: boolean): OpenMessage {
  const room = wasm.message_room(bytes.length);
  if (room === 0) throw new CapnpError("overloaded", `${name}: no memory for a message of ${bytes.length} bytes`);
  refresh();
  u8.set(bytes, room);
  const id = wasm.message_open(traversalLimitWords, nesting) >>> 0;
  if (id === NONE) {
    refresh();
    throw new CapnpError("failed", `${name}: ${withAdvice(failure(), isPacked)}`);
  }
  refresh();
  return new OpenMessage(id, foundAddress(), nesting, false, name);
}

/** A new message without content. */
export function buildMessage(name: string): OpenMessage {
  const message = newMessage(name);
  watch(message, Infinity);
  return message;
}

function newMessage(name: string): OpenMessage {
  const id = wasm.message_build() >>> 0;
  if (id === NONE) throw refused(name);
  refresh();
  return new OpenMessage(id, foundAddress(), NO_LIMIT, true, name);
}

/** Gives a message's memory back. Twice does nothing. */
export function closeMessage(message: OpenMessage): void {
  const { id } = message;
  if (id < 0 || message.isDefault) return;
  message.id = -1;
  if (message.ticket !== undefined) message.ticket.id = -1;
  openMessages--;
  wasm.message_close(id);
}

/**
 * Registering costs a good part of what opening a small message does, so those who close their messages never pay:
 * only what is open beside many others is watched, and what is large.
 */
function watch(message: OpenMessage, bytes: number): void {
  if (++openMessages <= UNWATCHED_MESSAGES && bytes <= SMALL_MESSAGE_BYTES) return;
  forgotten ??= new FinalizationRegistry((ticket) => {
    if (ticket.id < 0) return;
    openMessages--;
    wasm.message_close(ticket.id);
  });
  message.ticket = { id: message.id };
  forgotten.register(message, message.ticket);
}
