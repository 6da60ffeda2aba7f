import { frameIn, pack } from "./packed/packed.js";
import { checkType } from "./seam/check-type.js";
import { decodeMessage, type DecodeOptions } from "./seam/incoming.js";
import type { StructDescriptor } from "./seam/descriptor.js";
import { checkFirst, inType, learnSize, sizeHint } from "./seam/outgoing.js";
import { OUT_OF_ROOM, Writer } from "./seam/writer.js";
import { frame } from "./symbols.js";
import { KEPT_SCRATCH_BYTES, TABLE_BYTES } from "./sizes.js";

export type { DecodeOptions, Limits } from "./seam/incoming.js";


let scratch = new Uint8Array(4096);
let view = new DataView(scratch.buffer);
let busy = false;
const writer = new Writer();

/**
 * Encodes a value, a plain object with the fields by name, as a message of one segment with its segment table in front. Fields
 * that are left out, undefined or null have their defaults. Needs no WebAssembly.
 *
 * @throws TypeError or RangeError naming the field when the value does not fit the type.
 * @example
 * const bytes = encode(Person, { name: "Ada", phones: [{ number: "555-0100", kind: "work" }] });
 */
export function encode<In>(type: StructDescriptor<unknown, In>, value: In): Uint8Array<ArrayBuffer>;
/**
 * Encodes what a builder has built, or a copy of what a view or a part of a builder shows.
 *
 * @throws CapnpError when a part of a view is damaged, or beyond its limits.
 */
export function encode(viewOrBuilder: object): Uint8Array<ArrayBuffer>;
export function encode<In>(type: StructDescriptor<unknown, In> | object, value?: In): Uint8Array<ArrayBuffer> {
  if (arguments.length === 1) return encodeOpen(type);
  return encodeValue(type as StructDescriptor<unknown, In>, value as In);
}

function encodeOpen(value: object): Uint8Array<ArrayBuffer> {
  const open = value as { readonly [frame]?: () => Uint8Array<ArrayBuffer> };
  if (open?.[frame] !== undefined) return open[frame]();
  throw new TypeError("encode() with one argument wants a view or a builder; a plain value needs its type in front: encode(type, value)");
}

function encodeValue<In>(type: StructDescriptor<unknown, In>, value: In): Uint8Array<ArrayBuffer> {
  checkType(type, "struct", "encode()");
  checkFirst(type, value);
  // A getter of the value may encode something itself.
  if (busy) return withScratch(type, value, new Writer(), new Uint8Array(4096));
  busy = true;
  try {
    return withScratch(type, value, writer, scratch);
  } finally {
    busy = false;
  }
}

/**
 * As `encode`, in packed form. Needs `await init()` once before.
 *
 * @throws TypeError or RangeError naming the field when the value does not fit the type.
 */
export function encodePacked<In>(type: StructDescriptor<unknown, In>, value: In): Uint8Array<ArrayBuffer>;
/** As `encode` of a view or builder, in packed form. */
export function encodePacked(viewOrBuilder: object): Uint8Array<ArrayBuffer>;
export function encodePacked<In>(type: StructDescriptor<unknown, In> | object, value?: In): Uint8Array<ArrayBuffer> {
  return pack(arguments.length === 1 ? encodeOpen(type) : encodeValue(type as StructDescriptor<unknown, In>, value as In));
}

/**
 * Decodes the message in `bytes`, segment table in front, to a plain object. Everything is copied out
 * of `bytes`. Needs `await init()` once before.
 *
 * @throws CapnpError saying what is wrong with the message and where; TypeError for what is no bytes.
 * @example
 * await init();
 * const { name, phones } = decode(Person, bytes);
 * const other = decode(Person, packedBytes, { packed: true, traversalLimitWords: 1024 });
 */
export function decode<Out>(type: StructDescriptor<Out>, bytes: Uint8Array, options?: DecodeOptions): Out {
  checkType(type, "struct", "decode()");
  return decodeMessage(type, frameIn("decode()", bytes, options), options);
}

function withScratch<In>(type: StructDescriptor<unknown, In>, value: In, writer: Writer, room: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { dataWords, pointers, encode } = type.$;
  let roomView = room === scratch ? view : new DataView(room.buffer);
  let wantedBytes = (sizeHint(type) + 2) * 8;
  for (;;) {
    if (room.length < wantedBytes) {
      const isKept = room === scratch;
      room = new Uint8Array(2 ** Math.ceil(Math.log2(wantedBytes)));
      roomView = new DataView(room.buffer);
      if (isKept && room.length <= KEPT_SCRATCH_BYTES) {
        scratch = room;
        view = roomView;
      }
    }
    writer.begin(roomView, room, TABLE_BYTES, (room.length - TABLE_BYTES) >>> 3);
    let dirtyBytes = room.length;
    try {
      encode(writer, writer.struct(writer.root(), dataWords, pointers, value, "value"), value);
      const words = writer.end();
      learnSize(type, words);
      roomView.setUint32(4, words, true);
      dirtyBytes = TABLE_BYTES + words * 8;
      return room.slice(0, dirtyBytes);
    } catch (error) {
      if (error !== OUT_OF_ROOM) throw inType(error, type, value);
      wantedBytes = Math.max(room.length * 2, writer.wantedBytes + TABLE_BYTES);
    } finally {
      // Whoever writes here next relies on zeros.
      room.fill(0, 0, dirtyBytes);
    }
  }
}
