/*
 * What generated modules import, and nothing else does. Version 1: names here keep their meaning, so
 * that modules generated for it go on working; what must change gets a `v2` next to this file.
 */

export { enumeration, iface, struct } from "../seam/descriptor.js";
export type { EnumDescriptor, InterfaceDescriptor, StructDescriptor } from "../seam/descriptor.js";
export {
  ANY,
  BOOL,
  CAP,
  DATA,
  ENUM,
  F32,
  F64,
  GROUP,
  I16,
  I32,
  I64,
  I8,
  LIST,
  STRUCT,
  TEXT,
  U16,
  U32,
  U64,
  U8,
  VOID,
} from "../seam/fields.js";
/** Marks the types of clients with the interfaces they have. It exists for the type checker only. */
export declare const interfaces: unique symbol;

/** A constant of type Data, or a default, from its hexadecimal digits. */
export function bytes(hex: string): Uint8Array {
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return out;
}

export { freeze, type Frozen } from "./freeze.js";
import type { AnyPointer } from "../seam/any.js";
export { AnyPointer, decodeAny, encodeAny } from "../seam/any.js";
export type { AnyPointerInput } from "../seam/any.js";
/** What a type parameter stands for that is left open. */
export type Any = typeof AnyPointer;
export { generic, lazy, partial } from "../seam/generic.js";
export {
  Bool,
  Capability,
  Data,
  elementOf,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  put,
  take,
  Text,
  UInt16,
  UInt32,
  UInt64,
  UInt8,
  Void,
} from "../seam/types.js";
export type {
  BuilderOf,
  In,
  InitializedOf,
  InitOf,
  ListType,
  Out,
  PipelineOf,
  PointerType,
  Settable,
  ViewOf,
} from "../seam/types.js";
export type { AnyPointerBuilder, AnyPointerView, ListBuilder, ListView } from "../messages/types.js";
export type { Reader } from "../seam/reader.js";
export type { Writer } from "../seam/writer.js";
export type { Awaitable, CallContext, CallOptions, CallPromise, Client, GenericCallOptions } from "../types.js";
