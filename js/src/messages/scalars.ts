import type { EnumDescriptor } from "../seam/descriptor.js";
import * as types from "../seam/fields.js";
import { scratch } from "../seam/reader.js";
import { Writer, wrong } from "../seam/writer.js";
import { view } from "./memory.js";
import { live, type OpenMessage } from "./place.js";
import { livePlace, type Struct } from "./struct.js";

/*
 * Fields that are not behind pointers: read and written where they are, without a call. What is stored is the
 * difference to the default, and a struct that is too short for a field has the default.
 */

export type Getter = (this: Struct) => unknown;

/** A getter for each type, written out: they are what reading a message consists of. */
export function scalarGetter({ type, at, or, of }: types.Field): Getter {
  const end = at + types.bytesOf(type);
  switch (type) {
    case types.BOOL: {
      const [byte, bit, byDefault] = [at >>> 3, at & 7, or === true];
      return function () {
        const { address, dataBytes } = livePlace(this);
        return byte < dataBytes ? ((view.getUint8(address + byte) >> bit) & 1) !== (byDefault ? 1 : 0) : byDefault;
      };
    }
    case types.I64:
    case types.U64: {
      const byDefault = BigInt((or as bigint | undefined) ?? 0);
      const isSigned = type === types.I64;
      return function () {
        const { address, dataBytes } = livePlace(this);
        if (end > dataBytes) return byDefault;
        const stored = isSigned ? view.getBigInt64(address + at, true) : view.getBigUint64(address + at, true);
        return byDefault === 0n ? stored : stored ^ byDefault;
      };
    }
    case types.F32: {
      const byDefault = (or as number | undefined) ?? 0;
      const mask = bits32(byDefault);
      return function () {
        const { address, dataBytes } = livePlace(this);
        if (end > dataBytes) return byDefault;
        if (mask === 0) return view.getFloat32(address + at, true);
        scratch.setInt32(0, view.getInt32(address + at, true) ^ mask);
        return scratch.getFloat32(0);
      };
    }
    case types.F64: {
      const byDefault = (or as number | undefined) ?? 0;
      const mask = bits64(byDefault);
      return function () {
        const { address, dataBytes } = livePlace(this);
        if (end > dataBytes) return byDefault;
        if (mask === 0n) return view.getFloat64(address + at, true);
        scratch.setBigInt64(0, view.getBigInt64(address + at, true) ^ mask);
        return scratch.getFloat64(0);
      };
    }
    case types.ENUM: {
      const names = (of as EnumDescriptor).$.names;
      const mask = Number(or ?? 0);
      return function () {
        const { address, dataBytes } = livePlace(this);
        const ordinal = end <= dataBytes ? view.getUint16(address + at, true) ^ mask : mask;
        return names[ordinal] ?? ordinal;
      };
    }
  }
  const mask = (or as number | undefined) ?? 0;
  switch (type) {
    case types.I8:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? view.getInt8(address + at) ^ mask : mask;
      };
    case types.U8:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? view.getUint8(address + at) ^ mask : mask;
      };
    case types.I16:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? view.getInt16(address + at, true) ^ mask : mask;
      };
    case types.U16:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? view.getUint16(address + at, true) ^ mask : mask;
      };
    case types.I32:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? view.getInt32(address + at, true) ^ mask : mask;
      };
    case types.U32:
      return function () {
        const { address, dataBytes } = livePlace(this);
        return end <= dataBytes ? (view.getUint32(address + at, true) ^ mask) >>> 0 : mask;
      };
    default:
      return function () {
        livePlace(this);
        return undefined;
      };
  }
}

function bits32(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getInt32(0);
}

function bits64(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigInt64(0);
}

type Read = (view: DataView, at: number) => unknown;

/** Reads of the types from I8 to F64, as elements of lists. */
export const READS: readonly Read[] = [
  (view, at) => view.getInt8(at),
  (view, at) => view.getUint8(at),
  (view, at) => view.getInt16(at, true),
  (view, at) => view.getUint16(at, true),
  (view, at) => view.getInt32(at, true),
  (view, at) => view.getUint32(at, true),
  (view, at) => view.getBigInt64(at, true),
  (view, at) => view.getBigUint64(at, true),
  (view, at) => view.getFloat32(at, true),
  (view, at) => view.getFloat64(at, true),
];

const pen = new Writer();

/** Writes a scalar, not a Bool, as the difference to its default. */
export function writeScalar(message: OpenMessage, at: number, value: unknown, field: types.Element, or: types.Field["or"], name: string): void {
  const memory = (pen.view = live(message));
  switch (field.type) {
    case types.VOID:
      if (value != null) throw wrong(name, "undefined, since it is a Void", value);
      return;
    case types.I8:
      pen.i8(at, value as number, name);
      break;
    case types.U8:
      pen.u8(at, value as number, name);
      break;
    case types.I16:
      pen.i16(at, value as number, name);
      break;
    case types.U16:
      pen.u16(at, value as number, name);
      break;
    case types.I32:
      pen.i32(at, value as number, name);
      break;
    case types.U32:
      pen.u32(at, value as number, name);
      break;
    case types.I64:
      pen.i64(at, value as bigint, name);
      break;
    case types.U64:
      pen.u64(at, value as bigint, name);
      break;
    case types.F32:
      pen.f32(at, value as number, name);
      break;
    case types.F64:
      pen.f64(at, value as number, name);
      break;
    case types.ENUM:
      pen.enum(at, value as string, field.of as EnumDescriptor, name);
      break;
  }
  if (or === undefined) return;
  switch (types.ELEMENT_SIZES[field.type]) {
    case 2:
      return pen.xor8(at, or as number);
    case 3:
      return pen.xor16(at, or as number);
    case 4:
      return pen.xor32(at, field.type === types.F32 ? bits32(or as number) : (or as number));
    default: {
      const mask = field.type === types.F64 ? bits64(or as number) : BigInt.asIntN(64, or as bigint);
      memory.setBigInt64(at, memory.getBigInt64(at, true) ^ mask, true);
    }
  }
}

/** Writes a Bool: `bit` counts from `at` on. */
export function writeBool(message: OpenMessage, at: number, bit: number, value: unknown, byDefault: boolean, name: string): void {
  const memory = live(message);
  if (typeof value !== "boolean") throw wrong(name, "a boolean", value);
  const byte = at + (bit >>> 3);
  const mask = 1 << (bit & 7);
  const others = memory.getUint8(byte) & ~mask;
  memory.setUint8(byte, value === byDefault ? others : others | mask);
}
