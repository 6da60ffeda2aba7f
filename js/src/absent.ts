import { decode } from "./message.js";
import { AnyPointer } from "./seam/any.js";
import { struct, type StructDescriptor } from "./seam/descriptor.js";
import * as codes from "./seam/fields.js";
import {
  Bool,
  Data,
  type ElementType,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  type PointerType,
  take,
  Text,
  UInt16,
  UInt32,
  UInt64,
  UInt8,
  Void,
} from "./seam/types.js";

/*
 * What tables of fields say of types, as descriptors, and of what is not there, as values.
 */

const SCALARS: readonly ElementType[] = [Void, Bool, Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float32, Float64];

/** The descriptor that a table of fields has for a type. */
export function typeOf({ type, of }: codes.Element): ElementType {
  if (type <= codes.F64) return SCALARS[type] as ElementType;
  if (type === codes.TEXT) return Text;
  if (type === codes.DATA) return Data;
  if (type === codes.LIST) return List(typeOf(of as codes.Element));
  if (type === codes.ANY) return AnyPointer;
  return of as ElementType;
}

/** The value of a pointer's type that a message, such as a field's default, has for its root. */
export function behind({ type, of }: codes.Element, name: string, message: Uint8Array): unknown {
  const only: codes.Field = { name: "value", type, at: 0, ...(of === undefined ? {} : { of }) };
  const holder: StructDescriptor<unknown> = struct<unknown, unknown, unknown, unknown>({
    id: 0n,
    name,
    dataWords: 0,
    pointers: 1,
    encode: () => undefined,
    decode: (reader) => take(reader, typeOf(only) as PointerType),
    fields: () => [only],
  });
  // A struct with one pointer in front of what the root pointer was.
  const wrapped = new Uint8Array(message.length + 8);
  const view = new DataView(wrapped.buffer);
  view.setUint32(4, (message.length - 8) / 8 + 1, true);
  view.setUint16(14, 1, true);
  wrapped.set(message.subarray(8), 16);
  return decode(holder, wrapped);
}

/** A scalar that nothing was said of; of an enum the ordinal. */
export function zeroOf(type: number): unknown {
  if (type === codes.VOID) return undefined;
  if (type === codes.BOOL) return false;
  return type === codes.I64 || type === codes.U64 ? 0n : 0;
}
