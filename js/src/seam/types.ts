import type { ListBuilder, ListView } from "../messages/types.js";
import type { Client } from "../types.js";
import type { EnumDescriptor, InterfaceDescriptor, StructDescriptor, Types } from "./descriptor.js";
import { iface } from "./descriptor.js";
import * as codes from "./fields.js";
import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

/*
 * Types that no schema declares, as values: what generic types are given, as in `Box(Text)` or `Box(List(UInt8))`.
 */

/** Describes a type whose values are behind pointers, besides structs and interfaces. */
export interface PointerDescriptor<T extends AnyTypes = AnyTypes> {
  /** @internal */
  readonly $: {
    readonly kind: "pointer";
    readonly type: number;
    readonly of?: codes.Element;
    put(writer: Writer, pointer: number, value: T["in"], field: string): void;
    take(reader: Reader): T["out"];
    readonly types?: T;
  };
}

/** Describes a scalar: only lists are made of it. */
export interface ScalarDescriptor<T extends AnyTypes = AnyTypes> {
  /** @internal */
  readonly $: {
    readonly kind: "scalar";
    readonly type: number;
    puts(writer: Writer, pointer: number, value: ArrayLike<T["in"]>, field: string): void;
    takes(reader: Reader): T["out"][];
    readonly types?: T;
  };
}

export type AnyTypes = Types<unknown, unknown, unknown, unknown>;

/** What a type parameter can stand for: struct, interface, `Text`, `Data`, `List(…)` and `AnyPointer`. */
export interface PointerType {
  /** @internal */
  readonly $: {
    readonly kind: "struct" | "interface" | "pointer";
    readonly types?: AnyTypes & { readonly hole?: unknown; readonly init?: unknown; readonly pipeline?: unknown };
  };
}

/** What lists are made of. */
export interface ElementType {
  /** @internal */
  readonly $: {
    readonly kind: "struct" | "interface" | "pointer" | "scalar" | "enum";
    readonly types?: AnyTypes & { readonly hole?: unknown };
  };
}

type TypesOf<T extends ElementType> = NonNullable<T["$"]["types"]>;
/** Structs and capabilities may be null; text, data and lists are then empty. */
type Absent<T extends ElementType> = T["$"] extends { readonly kind: "struct" | "interface" }
  ? undefined
  : TypesOf<T> extends { readonly hole: undefined }
    ? undefined
    : never;
type Hole<T extends ElementType> = TypesOf<T> extends { readonly hole: undefined } ? undefined : never;

/** A field of the type, decoded. */
export type Out<T extends PointerType> = TypesOf<T>["out"] | Absent<T>;
/** A field of the type, to be encoded. */
export type In<T extends PointerType> = TypesOf<T>["in"];
/** A field of the type, in a view. */
export type ViewOf<T extends PointerType> = TypesOf<T>["view"] | Absent<T>;
/** A field of the type, in a builder. */
export type BuilderOf<T extends PointerType> = TypesOf<T>["builder"] | Absent<T>;
/** What a builder's field of the type is set to. */
export type Settable<T extends PointerType> = TypesOf<T>["in"] | TypesOf<T>["view"] | TypesOf<T>["builder"] | undefined;
/** What a builder's `init` method of a field of the type takes: lists take a count, and blobs have no such method. */
export type InitOf<T extends PointerType> = TypesOf<T> extends { readonly init: infer Init extends unknown[] } ? Init : never;
/** What a builder's `init` method of a field of the type returns. */
export type InitializedOf<T extends PointerType> = TypesOf<T>["builder"];
/** A field of the type, in results that have not arrived. */
export type PipelineOf<T extends PointerType> = TypesOf<T> extends { readonly pipeline: infer Pipeline } ? Pipeline : unknown;

interface ListTypes<T extends ElementType>
  extends Types<
    (TypesOf<T>["out"] | Hole<T>)[],
    TypesOf<T>["in"] extends number | bigint
      ? ArrayLike<TypesOf<T>["in"]>
      : readonly (TypesOf<T>["in"] | Hole<T>)[] | ListView<TypesOf<T>["in"] | Hole<T>>,
    ListView<TypesOf<T>["view"] | Hole<T>>,
    ListBuilder<TypesOf<T>["builder"] | Hole<T>, TypesOf<T>["in"] | Hole<T>>
  > {
  readonly init: [count: number];
}

/** Describes a list. */
export type ListType<T extends ElementType> = PointerDescriptor<ListTypes<T>>;

type Same<T> = Types<T, T, T, T>;
type Integer64 = Types<bigint, number | bigint, bigint, bigint>;

function pointer<T extends AnyTypes>(
  type: number,
  put: PointerDescriptor<T>["$"]["put"],
  take: PointerDescriptor<T>["$"]["take"],
): PointerDescriptor<T> {
  return { $: { kind: "pointer", type, put, take } };
}

function scalar<T extends AnyTypes>(
  type: number,
  puts: ScalarDescriptor<T>["$"]["puts"],
  takes: ScalarDescriptor<T>["$"]["takes"],
): ScalarDescriptor<T> {
  return { $: { kind: "scalar", type, puts, takes } };
}

/** The type of text, for generic types: `Box(Text)`. */
export const Text: PointerDescriptor<Same<string>> = /* @__PURE__ */ pointer(
  codes.TEXT,
  (w, p, x, f) => w.text(p, x, f),
  (r) => r.text(),
);
/** The type of bytes, for generic types: `Box(Data)`. */
export const Data: PointerDescriptor<Same<Uint8Array>> = /* @__PURE__ */ pointer(
  codes.DATA,
  (w, p, x, f) => w.data(p, x, f),
  (r) => r.data(),
);
/** A capability of any interface. */
export const Capability: InterfaceDescriptor<Client, object> = /* @__PURE__ */ iface({
  id: 0n,
  name: "Capability",
  methods: [],
});

/** The scalar types, for lists in generic types: `Box(List(UInt8))`. */
export const Void: ScalarDescriptor<Same<undefined>> = /* @__PURE__ */ scalar(
  codes.VOID,
  (w, p, x, f) => w.voids(p, x, f),
  (r) => r.voids(),
);
/** The type of booleans, for lists in generic types. */
export const Bool: ScalarDescriptor<Same<boolean>> = /* @__PURE__ */ scalar(
  codes.BOOL,
  (w, p, x, f) => w.bools(p, x, f),
  (r) => r.bools(),
);
/** The type of 8-bit integers, for lists in generic types. */
export const Int8: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.I8,
  (w, p, x, f) => w.i8s(p, x, f),
  (r) => r.i8s(),
);
/** The type of 8-bit integers without sign, for lists in generic types. */
export const UInt8: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.U8,
  (w, p, x, f) => w.u8s(p, x, f),
  (r) => r.u8s(),
);
/** The type of 16-bit integers, for lists in generic types. */
export const Int16: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.I16,
  (w, p, x, f) => w.i16s(p, x, f),
  (r) => r.i16s(),
);
/** The type of 16-bit integers without sign, for lists in generic types. */
export const UInt16: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.U16,
  (w, p, x, f) => w.u16s(p, x, f),
  (r) => r.u16s(),
);
/** The type of 32-bit integers, for lists in generic types. */
export const Int32: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.I32,
  (w, p, x, f) => w.i32s(p, x, f),
  (r) => r.i32s(),
);
/** The type of 32-bit integers without sign, for lists in generic types. */
export const UInt32: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.U32,
  (w, p, x, f) => w.u32s(p, x, f),
  (r) => r.u32s(),
);
/** The type of 64-bit integers, which are bigints, for lists in generic types. */
export const Int64: ScalarDescriptor<Integer64> = /* @__PURE__ */ scalar(
  codes.I64,
  (w, p, x, f) => w.i64s(p, x, f),
  (r) => r.i64s(),
);
/** The type of 64-bit integers without sign, which are bigints, for lists in generic types. */
export const UInt64: ScalarDescriptor<Integer64> = /* @__PURE__ */ scalar(
  codes.U64,
  (w, p, x, f) => w.u64s(p, x, f),
  (r) => r.u64s(),
);
/** The type of 32-bit floating-point numbers, for lists in generic types. */
export const Float32: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.F32,
  (w, p, x, f) => w.f32s(p, x, f),
  (r) => r.f32s(),
);
/** The type of 64-bit floating-point numbers, for lists in generic types. */
export const Float64: ScalarDescriptor<Same<number>> = /* @__PURE__ */ scalar(
  codes.F64,
  (w, p, x, f) => w.f64s(p, x, f),
  (r) => r.f64s(),
);

type AnyPointerType = StructDescriptor | InterfaceDescriptor | PointerDescriptor;
type AnyElementType = AnyPointerType | ScalarDescriptor | EnumDescriptor;

const lists = /* @__PURE__ */ new WeakMap<object, PointerDescriptor>();

/** The type of lists of something, for generic types: `Box(List(Text))`. */
export function List<T extends ElementType>(of: T): ListType<T> {
  const element = of as unknown as AnyElementType;
  let list = lists.get(element.$);
  if (list === undefined) {
    list = makeList(element);
    lists.set(element.$, list);
  }
  return list as ListType<T>;
}

function makeList(of: AnyElementType): PointerDescriptor {
  const info = of.$;
  const { $ } =
    info.kind === "scalar"
      ? pointer(codes.LIST, (w, p, x, f) => info.puts(w, p, x as ArrayLike<unknown>, f), (r) => info.takes(r))
      : info.kind === "enum"
        ? pointer(codes.LIST, (w, p, x, f) => w.enums(p, x as string[], of as EnumDescriptor, f), (r) => r.enums(of as EnumDescriptor))
        : info.kind === "struct"
          ? pointer(codes.LIST, structWriter(of as StructDescriptor), structReader(of as StructDescriptor))
          : pointer(
              codes.LIST,
              (w, p, x, f) => w.each(p, x as unknown[], (w, p, x, f) => put(w, p, x, of as PointerType, f), f),
              (r) => r.each((r) => take(r, of as PointerType)),
            );
  return { $: { ...$, of: elementOf(of) } };
}

function structWriter({ $: info }: StructDescriptor) {
  return (w: Writer, p: number, x: unknown, f: string): void => {
    const values = x as ArrayLike<unknown>;
    const step = (info.dataWords + info.pointers) * 8;
    let q = w.structs(p, info.dataWords, info.pointers, values, f);
    for (let i = 0, n = w.count; i < n; i++, q += step) info.encode(w, q, w.group(values[i], f));
  };
}

function structReader({ $: info }: StructDescriptor) {
  return (r: Reader): unknown[] => {
    const values = [];
    let n = r.list();
    let p = r.first;
    for (const step = r.step; n > 0; n--, p += step) values.push(info.decode(r, p));
    return values;
  };
}

/** The type as tables of fields have it. */
export function elementOf(type: ElementType): codes.Element {
  const of = type as unknown as AnyElementType;
  const { $ } = of;
  if ($.kind === "struct") return { type: codes.STRUCT, of: of as StructDescriptor };
  if ($.kind === "interface") return { type: codes.CAP, of: of as InterfaceDescriptor };
  if ($.kind === "enum") return { type: codes.ENUM, of: of as EnumDescriptor };
  return $.kind === "pointer" && $.of !== undefined ? { type: $.type, of: $.of } : { type: $.type };
}

/** Writes a value of a type that is known only at run time. */
export function put(w: Writer, pointer: number, value: unknown, type: PointerType, field: string): void {
  const { $ } = type as AnyPointerType;
  if ($.kind === "struct") $.encode(w, w.struct(pointer, $.dataWords, $.pointers, value, field), value);
  else if ($.kind === "interface") w.cap(pointer, value, type as InterfaceDescriptor, field);
  else $.put(w, pointer, value, field);
}

/** Reads the next value, of a type that is known only at run time. */
export function take<T extends PointerType>(r: Reader, type: T): Out<T> {
  const { $ } = type as unknown as AnyPointerType;
  if ($.kind === "interface") return r.cap(type as unknown as InterfaceDescriptor);
  if ($.kind === "pointer") return $.take(r);
  const at = r.next();
  return at === 0 ? undefined : $.decode(r, at);
}
