import { CapnpError } from "../errors.js";
import type { StructDescriptor } from "./descriptor.js";
import { failure, refresh, headerWord, ROOM_ADDRESS, ROOM_WORDS, SLOT_ADDRESS, u8, view, wasm } from "./memory.js";
import { type ClientCheck, OUT_OF_ROOM, Writer } from "./writer.js";
import { FIRST_HINT_WORDS, MAX_HINT_WORDS } from "../sizes.js";


/** Writers at hand: one, unless a getter of an object being encoded makes a call itself. */
const idle: Writer[] = [];
let checkClient: ClientCheck | undefined;

/** Says how a client is told from other values in messages that leave over a connection. */
export function setClientCheck(check: ClientCheck): void {
  checkClient = check;
}

/** What says more about mistakes, where that is worth its size: see `aids.ts`. */
export const aid: {
  mistakes?: typeof import("./mistakes.js");
  guard?: typeof import("../messages/guard.js").guard;
} = {};

/** Messages of a type whose names are looked at, which takes as long as encoding them: mistyped names are in the first. */
const FIRST_MESSAGES = 16;

/** To be called before a value is encoded. Throws if names in it are mistyped. */
export function checkFirst({ $: info }: StructDescriptor, value: unknown): void {
  if (info.checked < FIRST_MESSAGES) aid.mistakes?.checkNames(info, value);
}

/** Words of room to ask for when a message of this type is begun. */
export function sizeHint(type: StructDescriptor): number {
  return type.$.hintWords || FIRST_HINT_WORDS;
}

/**
 * Writes `value` as the content of the message under construction in wasm and commits it. `clients`
 * afterwards holds what each capability index of the content stands for. Throws a TypeError that names
 * the field when the value does not fit the type.
 */
export function encodeContent(type: StructDescriptor, value: unknown, clients: object[]): void {
  checkFirst(type, value);
  const writer = idle.pop() ?? new Writer();
  if (checkClient) writer.checkClient = checkClient;
  const { dataWords, pointers } = type.$;
  try {
    let words = 0;
    for (;;) {
      refresh();
      const room = headerWord(ROOM_ADDRESS);
      const roomWords = headerWord(ROOM_WORDS);
      const slot = headerWord(SLOT_ADDRESS);
      const bytes = u8;
      writer.begin(view, bytes, room, roomWords);
      let needed = 0;
      try {
        const root = writer.struct(slot, dataWords, pointers, value, "value");
        type.$.encode(writer, root, value);
        words = writer.end();
      } catch (error) {
        if (error === OUT_OF_ROOM) needed = Math.max(roomWords * 2, Math.ceil(writer.wantedBytes / 8));
        // A getter of the value may have made memory grow under the writer: not the value's fault.
        else if (bytes.length !== 0) throw inType(error, type, value, checkClient);
        else needed = roomWords;
      }
      if (needed === 0 && bytes.length === 0) needed = roomWords;
      if (needed === 0) break;
      wasm.seam_grow(needed);
      refresh();
      if (headerWord(ROOM_WORDS) < needed) {
        throw new CapnpError("overloaded", `${type.$.name}: no memory for a message of ${needed} words`);
      }
    }
    learnSize(type, words);
    if (wasm.seam_commit(words) !== 0) throw new CapnpError("failed", `${type.$.name}: ${failure()}`);
    clients.length = 0;
    for (const client of writer.clients) clients.push(client);
  } finally {
    writer.clients.length = 0;
    idle.push(writer);
  }
}

/** Remembers how large messages of a type are, with some room to spare, forgetting slowly. */
export function learnSize(type: StructDescriptor, words: number): void {
  const info = type.$;
  const wanted = Math.min(words + (words >>> 3) + 2, MAX_HINT_WORDS);
  info.hintWords = wanted > info.hintWords ? wanted : info.hintWords - ((info.hintWords - wanted) >>> 4);
}

/** Says of an error about a field of which type it is, and where in the value. */
export function inType(error: unknown, { $: info }: StructDescriptor, value: unknown, checkClient?: ClientCheck): unknown {
  if (error instanceof TypeError || error instanceof RangeError) {
    error.message = `${info.name}: ${aid.mistakes?.locate(error, info, value, checkClient) ?? error.message}`;
  }
  return error;
}
