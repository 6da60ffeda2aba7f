import type { Field, JsonRules } from "./fields.js";
import type { Reader } from "./reader.js";
import type { PointerType } from "./types.js";
import type { Writer } from "./writer.js";

/*
 * What a generated module says about its types. Everything of ours stands under the one key `$`,
 * which no name in a schema can be; nested types and constants are the other keys of a descriptor.
 *
 * References between types are thunks, since types may refer to each other in circles and modules
 * may import each other in circles.
 */

/** Describes a struct: pass it to `encode`, `decode` and the like. */
export interface StructDescriptor<Out = unknown, In = unknown, View = unknown, Builder = unknown> {
  /** @internal */
  readonly $: StructInfo<Out, In, View, Builder>;
}

/** Describes an interface: pass it to `bootstrap`, `serve` and the like. */
export interface InterfaceDescriptor<Client = unknown, Server = unknown> {
  /** @internal */
  readonly $: InterfaceInfo<Client, Server>;
}

/** Describes an enum: its enumerants in order of their ordinals. */
export interface EnumDescriptor<Name extends string = string> {
  /** @internal */
  readonly $: EnumInfo<Name>;
}

export interface StructSource<Out, In> {
  readonly id: bigint;
  /** Such as `files.capnp:Files.Entry`. */
  readonly name: string;
  readonly dataWords: number;
  readonly pointers: number;
  /** Writes a value into a zeroed struct whose data section is at `address`. */
  encode(writer: Writer, address: number, value: In): void;
  /** Builds a value from the struct whose data section is at `address`. */
  decode(reader: Reader, address: number): Out;
  /** The type arguments of a generic struct. */
  readonly applied?: readonly PointerType[];
  /** In the order of the schema's text. A thunk, since types may refer to each other in circles. */
  readonly fields?: () => readonly Field[];
  /** Where the tag of the struct's own union is, in bytes into the data section. */
  readonly tagAt?: number;
  readonly json?: JsonRules;
}

export interface StructInfo<Out = unknown, In = unknown, View = unknown, Builder = unknown> {
  readonly kind: "struct";
  readonly id: bigint;
  readonly name: string;
  readonly dataWords: number;
  readonly pointers: number;
  // Method syntax on purpose: descriptors of particular types must pass where any descriptor will do.
  encode(writer: Writer, address: number, value: In): void;
  decode(reader: Reader, address: number): Out;
  /** The type arguments, where the struct is generic or nested in what is. */
  readonly applied?: readonly PointerType[] | undefined;
  /** In the order of the schema's text; the same array each time. */
  readonly fields: () => readonly Field[];
  /** Where the tag of the struct's own union is, in bytes into the data section. */
  readonly tagAt: number | undefined;
  readonly json: JsonRules | undefined;
  /** Words to reserve for the next message of this type, learned from the ones before. */
  hintWords: number;
  /** How many messages of this type were looked at for mistyped names. */
  checked: number;
  /** The layout program's number in wasm, 0 while it is not registered. */
  program: number;
  /** Never there at run time, here and in the following: carries the types that belong to the descriptor. */
  readonly types?: Types<Out, In, View, Builder> & { readonly init: [] };
}

export interface InterfaceSource {
  readonly id: bigint;
  readonly name: string;
  readonly extends?: () => readonly InterfaceDescriptor[];
  /** The type arguments of a generic interface. */
  readonly applied?: readonly PointerType[];
  readonly methods: readonly MethodDescriptor[];
}

export interface InterfaceInfo<Client = unknown, Server = unknown> {
  readonly kind: "interface";
  readonly id: bigint;
  /** Such as `files.capnp:Files`. */
  readonly name: string;
  readonly extends: () => readonly InterfaceDescriptor[];
  readonly applied?: readonly PointerType[] | undefined;
  readonly methods: readonly MethodDescriptor[];
  readonly types?: Types<Client, Client, Client, Client> & {
    readonly hole: undefined;
    readonly pipeline: Client;
    readonly server: Server;
  };
}

export interface MethodDescriptor {
  /** As clients and servers spell it, such as `then_`. */
  readonly name: string;
  readonly schemaName: string;
  readonly ordinal: number;
  readonly streaming: boolean;
  /** Takes what the type parameters of a generic method stand for. */
  readonly params: (...types: PointerType[]) => StructDescriptor;
  /** Undefined for a streaming method. */
  readonly results: ((...types: PointerType[]) => StructDescriptor) | undefined;
}

export interface EnumInfo<Name extends string = string> {
  readonly kind: "enum";
  readonly id: bigint;
  readonly name: string;
  readonly names: readonly Name[];
  /** As JSON has them, where that differs. */
  readonly json: readonly string[] | undefined;
  readonly ordinals: ReadonlyMap<string, number>;
  readonly types?: Types<Name | number, Name | number, Name | number, Name | number>;
}

/** What a type's values are in TypeScript: decoded, to be encoded, as parts of views and of builders. */
export interface Types<Out, In, View, Builder> {
  readonly out: Out;
  readonly in: In;
  readonly view: View;
  readonly builder: Builder;
}

const nothing = (): readonly never[] => [];

/** Makes a struct's descriptor; `members` are its nested types and constants. */
export function struct<Out, In, View, Builder, Members extends object = object>(
  source: StructSource<Out, In>,
  members?: Members,
): StructDescriptor<Out, In, View, Builder> & Members {
  let fields: readonly Field[] | undefined;
  const info: StructInfo<Out, In, View, Builder> = {
    kind: "struct",
    id: source.id,
    name: source.name,
    dataWords: source.dataWords,
    pointers: source.pointers,
    encode: source.encode,
    decode: source.decode,
    applied: source.applied,
    fields: () => (fields ??= source.fields?.() ?? []),
    tagAt: source.tagAt,
    json: source.json,
    hintWords: 0,
    checked: 0,
    program: 0,
  };
  return { ...(members as Members), $: info };
}

/** Makes an interface's descriptor; `members` are its nested types and constants. */
export function iface<Client, Server, Members extends object = object>(
  source: InterfaceSource,
  members?: Members,
): InterfaceDescriptor<Client, Server> & Members {
  const info: InterfaceInfo<Client, Server> = {
    kind: "interface",
    id: source.id,
    name: source.name,
    extends: source.extends ?? nothing,
    applied: source.applied,
    methods: source.methods,
  };
  return { ...(members as Members), $: info };
}

/** Makes an enum's descriptor from its enumerants in order of their ordinals. */
export function enumeration<const Name extends string>(
  id: bigint,
  name: string,
  names: readonly Name[],
  json?: readonly string[],
): EnumDescriptor<Name> {
  return { $: { kind: "enum", id, name, names, json, ordinals: new Map(names.map((each, ordinal) => [each, ordinal])) } };
}
