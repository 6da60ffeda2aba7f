/** Messages without connections: all that the smaller of the two WebAssembly modules is enough for. */
import { type InitSource, loadModules, type WasmSource } from "./init.js";

/**
 * Loads the WebAssembly, once, which everything but `encode` needs. Without a source it is found beside the scripts.
 *
 * @throws CapnpError that says what to check when it cannot be loaded; the next call tries again.
 */
export function init(source?: InitSource): Promise<void> {
  return loadModules({ messages: source });
}

export { canonicalize, isCanonical } from "./canonical.js";
export { CapnpError, type ErrorKind } from "./errors.js";
export { fromJSON, type Json, type JsonObject, toJSON } from "./json.js";
export { decode, type DecodeOptions, encode, encodePacked, type Limits } from "./message.js";
export { type ByteSource, EncodeStream, type EncodeStreamOptions, readStream, type ReadStreamOptions } from "./message-stream.js";
export { build } from "./messages/builders.js";
export { equals, totalSize, type TotalSize } from "./messages/measure.js";
export { adopt, disown, type Orphan } from "./messages/orphans.js";
export { MessageBuilder, MessageReader } from "./messages/untyped.js";
export type {
  ElementSize,
  PointerKind,
  UntypedList,
  UntypedListBuilder,
  UntypedPointer,
  UntypedPointerBuilder,
  UntypedStruct,
  UntypedStructBuilder,
} from "./messages/untyped-types.js";
export { read } from "./messages/views.js";
export type { AnyPointerBuilder, AnyPointerView, ListBuilder, ListView } from "./messages/types.js";
export { PackStream, UnpackStream } from "./packed/pack-stream.js";
export { pack, unpack, type UnpackOptions } from "./packed/packed.js";
export { AnyPointer, type AnyPointerInput } from "./seam/any.js";
export type { EnumDescriptor, InterfaceDescriptor, StructDescriptor } from "./seam/descriptor.js";
export {
  Bool,
  type BuilderOf,
  Capability,
  Data,
  type ElementType,
  Float32,
  Float64,
  type In,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  type ListType,
  type Out,
  type PointerDescriptor,
  type PointerType,
  type ScalarDescriptor,
  type Settable,
  Text,
  UInt16,
  UInt32,
  UInt64,
  UInt8,
  type ViewOf,
  Void,
} from "./seam/types.js";
export { release } from "./release.js";
export type { InitSource, WasmSource };
