import type { Brand, CodeGeneratorRequest, Field as SchemaField, Method, Node, Type, Value } from "../capnp/schema.capnp.js";
import { behind, typeOf, zeroOf } from "../absent.js";
import { freeze } from "../codegen/freeze.js";
import { AnyPointer } from "../seam/any.js";
import {
  type EnumDescriptor,
  enumeration,
  iface,
  type InterfaceDescriptor,
  type MethodDescriptor,
  struct,
  type StructDescriptor,
} from "../seam/descriptor.js";
import * as codes from "../seam/fields.js";
import { Capability, elementOf, type ElementType, type PointerType } from "../seam/types.js";
import type { CallPromise, Client, GenericCallOptions } from "../types.js";
import { decoderOf, encoderOf, type Values } from "./interpret.js";
import { enumerantsInJson, rulesOfField, rulesOfStruct } from "./json-rules.js";

/** A struct whose fields are known at run time only. */
export type AnyStruct = { readonly [field: string]: unknown };
/** Describes a struct that came with a schema at run time. Use it as one that was generated. */
export type RuntimeStruct = StructDescriptor<Record<string, unknown>, AnyStruct, AnyStruct, Record<string, unknown>>;
/** A client whose methods are known at run time only. */
export type AnyClient = Client & {
  /** A method of the interface. */
  readonly [method: string]: (params?: AnyStruct, options?: GenericCallOptions<readonly PointerType[]>) => CallPromise<Record<string, unknown>, AnyPipeline>;
};
/** What results that have not arrived have: clients of what is a capability there, and more of this where a struct is. */
export interface AnyPipeline {
  /** A field of the results. */
  readonly [field: string]: AnyClient & AnyPipeline;
}
/** Describes an interface that came with a schema at run time. Use it as one that was generated. */
export type RuntimeInterface = InterfaceDescriptor<AnyClient, object>;

type StructNode = Extract<Node, { which: "struct" }>;
/** What type parameters stand for, by the generic node they belong to. */
type Bindings = ReadonlyMap<bigint, readonly PointerType[]>;

const NO_DISCRIMINANT = 0xffff;
const STREAM_RESULT = 0x995f9a3377c0b16en;
/** In place of a node's id, for the type parameters of the method at hand. */
const OF_THE_METHOD = 0n;
const NOTHING_BOUND: Bindings = new Map();
const TYPES: { readonly [which: string]: number | undefined } = {
  void: codes.VOID,
  bool: codes.BOOL,
  int8: codes.I8,
  uint8: codes.U8,
  int16: codes.I16,
  uint16: codes.U16,
  int32: codes.I32,
  uint32: codes.U32,
  int64: codes.I64,
  uint64: codes.U64,
  float32: codes.F32,
  float64: codes.F64,
  text: codes.TEXT,
  data: codes.DATA,
};
/** Bytes of a value in the data section, by type; for BOOL the place is counted in bits. */
const SIZES = [0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 2];
/** Names that objects have of their own. Generated code spells them the same way. */
const TAKEN = new Set([
  "catch",
  "constructor",
  "finally",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "then",
  "toLocaleString",
  "toString",
  "valueOf",
]);

/** A schema at run time: descriptors of its types, to be given to `encode`, `decode`, `bootstrap`, `serve` and the like. */
export class Schema {
  readonly #nodes = new Map<bigint, Node>();
  readonly #files: readonly bigint[];
  readonly #structs = new Map<string, RuntimeStruct>();
  readonly #interfaces = new Map<string, RuntimeInterface>();
  readonly #enums = new Map<bigint, EnumDescriptor>();
  readonly #defaults = new Map<codes.Field, unknown>();
  readonly #identities = new Map<unknown, number>();

  /** @internal From what a schema compiler hands to code generators; for callers there is `schemaFrom`. */
  constructor(request: CodeGeneratorRequest) {
    for (const node of request.nodes) this.#nodes.set(node.id, node);
    this.#files = request.requestedFiles.map((file) => file.id);
  }

  /**
   * The struct that a path such as `Person` or `Outer.Inner` names in the files that were compiled. A generic struct
   * takes what its parameters, and those of the types around it, stand for; what is left out is AnyPointer.
   *
   * @throws TypeError when there is no such struct.
   */
  struct(path: string, ...types: PointerType[]): RuntimeStruct {
    const node = this.#find(path, "struct");
    const descriptor = this.#structOf(node.id, this.#bind(node, types));
    this.#prepare(descriptor);
    return descriptor;
  }

  /**
   * The interface that a path names, as `struct` finds structs.
   *
   * @throws TypeError when there is no such interface.
   */
  interface(path: string, ...types: PointerType[]): RuntimeInterface {
    const node = this.#find(path, "interface");
    const descriptor = this.#interfaceOf(node.id, this.#bind(node, types));
    this.#prepare(descriptor);
    return descriptor;
  }

  /**
   * The enum that a path names.
   *
   * @throws TypeError when there is no such enum.
   */
  enum(path: string): EnumDescriptor {
    return this.#enumOf(this.#find(path, "enum").id);
  }

  /**
   * The value of the constant that a path names.
   *
   * @throws TypeError when there is no such constant.
   */
  constant(path: string): unknown {
    const node = this.#find(path, "const") as Extract<Node, { which: "const" }>;
    const element = this.#element(node.const.type, NOTHING_BOUND);
    const value = valueOf(node.const.value);
    if (element.type === codes.ENUM) {
      const ordinal = Number(value ?? 0);
      return (element.of as EnumDescriptor).$.names[ordinal] ?? ordinal;
    }
    if (!codes.isPointer(element.type)) return value ?? zeroOf(element.type);
    if (element.type === codes.TEXT) return value ?? "";
    if (element.type === codes.DATA) return value ?? new Uint8Array(0);
    return this.#behind(element, path, value as Uint8Array | undefined);
  }

  /** What is declared at the top of the files that were compiled, and inside of that: paths such as `Outer.Inner`. */
  names(): string[] {
    const names: string[] = [];
    const add = (scope: Node | undefined, prefix: string): void => {
      for (const { id, name } of scope?.nestedNodes ?? []) {
        names.push(prefix + name);
        add(this.#nodes.get(id), `${prefix}${name}.`);
      }
    };
    for (const file of this.#files) add(this.#nodes.get(file), "");
    return names;
  }

  #find(path: string, kind: string): Node {
    for (const file of this.#files) {
      let node = this.#nodes.get(file);
      for (const name of path.split(".")) {
        const nested = node?.nestedNodes.find((each) => each.name === name);
        node = nested && this.#nodes.get(nested.id);
      }
      if (node?.which === kind) return node;
    }
    const names = this.names();
    throw new TypeError(
      names.includes(path)
        ? `${path} is no ${kind}`
        : `the schema has no ${kind} ${path}; what it has is ${names.slice(0, 20).join(", ") || "nothing"}${names.length > 20 ? ", …" : ""}`,
    );
  }

  /** The generic nodes on the way to this one, from the outermost in. */
  #generic(node: Node): Node[] {
    const around: Node[] = [];
    for (let each: Node | undefined = node; each !== undefined; each = this.#nodes.get(each.scopeId)) {
      if (each.parameters.length > 0) around.unshift(each);
    }
    return around;
  }

  #bind(node: Node, types: readonly PointerType[]): Bindings {
    const bindings = new Map<bigint, readonly PointerType[]>();
    let at = 0;
    for (const { id, parameters } of this.#generic(node)) bindings.set(id, parameters.map(() => types[at++] ?? AnyPointer));
    if (types.length > at) {
      throw new TypeError(`${node.displayName.slice(node.displayNamePrefixLength)} has ${at} type parameters, not ${types.length}`);
    }
    return bindings;
  }

  #bindings(brand: Brand | undefined, outer: Bindings): Bindings {
    if (brand === undefined || brand.scopes.length === 0) return NOTHING_BOUND;
    const bindings = new Map<bigint, readonly PointerType[]>();
    for (const scope of brand.scopes) {
      if (scope.which === "bind") {
        bindings.set(
          scope.scopeId,
          scope.bind.map((each) => (each.which === "type" ? (typeOf(this.#element(each.type, outer)) as PointerType) : AnyPointer)),
        );
      } else {
        const found = outer.get(scope.scopeId);
        if (found !== undefined) bindings.set(scope.scopeId, found);
      }
    }
    return bindings;
  }

  /** The same text for the same type with the same arguments. */
  #key(node: Node, bindings: Bindings): string {
    // What is made for a method is in no scope, but has the type parameters of its interface.
    const types =
      node.scopeId === 0n
        ? [...bindings.values()].flat()
        : this.#generic(node).flatMap(({ id, parameters }) => parameters.map((_, at) => bindings.get(id)?.[at] ?? AnyPointer));
    return `${node.id}(${types.map((type) => this.#identity(type.$)).join()})`;
  }

  #identity(info: unknown): number {
    let identity = this.#identities.get(info);
    if (identity === undefined) this.#identities.set(info, (identity = this.#identities.size));
    return identity;
  }

  #structOf(id: bigint, bindings: Bindings): RuntimeStruct {
    const node = this.#node(id, "struct") as StructNode;
    const key = this.#key(node, bindings);
    const known = this.#structs.get(key);
    if (known !== undefined) return known;
    const { dataWordCount, pointerCount } = node.struct;
    const { tagAt, fields } = this.#table(node, bindings);
    let encode: ReturnType<typeof encoderOf> | undefined;
    let decodeInto: ReturnType<typeof decoderOf> | undefined;
    const made: RuntimeStruct = struct({
      id,
      name: node.displayName,
      dataWords: dataWordCount,
      pointers: pointerCount,
      encode: (writer, address, value: Values) => (encode ??= encoderOf(made.$.fields(), tagAt, dataWordCount * 8))(writer, address, value),
      decode: (reader, address) => {
        const out = {};
        (decodeInto ??= decoderOf(codes.inReadingOrder(made.$.fields()), tagAt, (field) => this.#defaults.get(field)))(reader, address, out);
        return out;
      },
      fields,
      ...(tagAt === undefined ? {} : { tagAt }),
      ...rulesOfStruct(node),
    });
    this.#structs.set(key, made);
    return made;
  }

  #table(node: StructNode, bindings: Bindings): { tagAt: number | undefined; fields: () => readonly codes.Field[] } {
    const { discriminantCount, discriminantOffset } = node.struct;
    const hasUnion = discriminantCount > 0;
    let made: readonly codes.Field[] | undefined;
    return {
      tagAt: hasUnion ? discriminantOffset * 2 : undefined,
      // The order of the text, in which generated code has them too.
      fields: () =>
        (made ??= [...node.struct.fields.entries()]
          .sort(([, a], [, b]) => a.codeOrder - b.codeOrder)
          .map(([nth, field], place) => ({ ...this.#field(field, hasUnion, bindings), ...(nth === place ? {} : { nth }), ...rulesOfField(field) }))),
    };
  }

  #field(field: SchemaField, hasUnion: boolean, bindings: Bindings): codes.Field {
    const name = hasUnion && field.name === "which" ? "which_" : memberName(field.name);
    const common = {
      name,
      ...(name === field.name ? {} : { schemaName: field.name }),
      ...(field.discriminantValue === NO_DISCRIMINANT ? {} : { tag: field.discriminantValue }),
    };
    if (field.which === "group") {
      const { tagAt, fields } = this.#table(this.#node(field.group.typeId, "struct") as StructNode, bindings);
      return { ...common, type: codes.GROUP, at: 0, fields, ...(tagAt === undefined ? {} : { tagAt }) };
    }
    if (field.which !== "slot") throw new TypeError(`${field.name}: a field of a kind that this version does not know`);
    const { offset, type, defaultValue } = field.slot;
    const element = this.#element(type, bindings);
    const or = valueOf(defaultValue);
    const at = codes.isPointer(element.type) ? offset : offset * (SIZES[element.type] as number);
    return { ...common, ...element, at, ...(or === undefined ? {} : { or }) };
  }

  #element(type: Type | undefined, bindings: Bindings): codes.Element {
    switch (type?.which) {
      case "list":
        return { type: codes.LIST, of: this.#element(type.list.elementType, bindings) };
      case "enum":
        return { type: codes.ENUM, of: this.#enumOf(type.enum.typeId) };
      case "struct":
        return { type: codes.STRUCT, of: this.#structOf(type.struct.typeId, this.#bindings(type.struct.brand, bindings)) };
      case "interface":
        return { type: codes.CAP, of: this.#interfaceOf(type.interface.typeId, this.#bindings(type.interface.brand, bindings)) };
      case "anyPointer": {
        const any = type.anyPointer;
        if (any.which === "unconstrained") {
          return any.unconstrained.which === "capability" ? { type: codes.CAP, of: Capability } : { type: codes.ANY };
        }
        const [scope, index] =
          any.which === "parameter"
            ? [any.parameter.scopeId, any.parameter.parameterIndex]
            : [OF_THE_METHOD, any.which === "implicitMethodParameter" ? any.implicitMethodParameter.parameterIndex : -1];
        const bound = bindings.get(scope)?.[index] ?? AnyPointer;
        return elementOf(bound as ElementType);
      }
      default:
        return { type: (typeof type?.which === "string" ? TYPES[type.which] : undefined) ?? codes.ANY };
    }
  }

  #enumOf(id: bigint): EnumDescriptor {
    let made = this.#enums.get(id);
    if (made === undefined) {
      const node = this.#node(id, "enum") as Extract<Node, { which: "enum" }>;
      const names = node.enum.enumerants.map((each) => each.name);
      this.#enums.set(id, (made = enumeration(id, node.displayName, names, enumerantsInJson(node.enum.enumerants))));
    }
    return made;
  }

  #interfaceOf(id: bigint, bindings: Bindings): RuntimeInterface {
    const node = this.#node(id, "interface") as Extract<Node, { which: "interface" }>;
    const key = this.#key(node, bindings);
    let made = this.#interfaces.get(key);
    if (made === undefined) {
      const superclasses = node.interface.superclasses;
      made = iface<AnyClient, object>({
        id,
        name: node.displayName,
        extends: () => superclasses.map((each) => this.#interfaceOf(each.id, this.#bindings(each.brand, bindings))),
        methods: node.interface.methods.map((method, ordinal) => this.#method(method, ordinal, bindings)),
      });
      this.#interfaces.set(key, made);
    }
    return made;
  }

  #method(method: Method, ordinal: number, bindings: Bindings): MethodDescriptor {
    const streaming = method.resultStructType === STREAM_RESULT;
    return {
      name: memberName(method.name),
      schemaName: method.name,
      ordinal,
      streaming,
      params: (...types) => this.#prepared(method.paramStructType, method.paramBrand, bindings, types),
      results: streaming ? undefined : (...types) => this.#prepared(method.resultStructType, method.resultBrand, bindings, types),
    };
  }

  #prepared(id: bigint, brand: Brand | undefined, bindings: Bindings, types: readonly PointerType[]): StructDescriptor {
    const bound = new Map(this.#bindings(brand, new Map([...bindings, [OF_THE_METHOD, types]])));
    // The type parameters of a struct that is made for the method are the method's.
    const { scopeId, parameters } = this.#node(id, "struct");
    if (scopeId === 0n) bound.set(id, parameters.map((_, at) => types[at] ?? AnyPointer));
    const descriptor = this.#structOf(id, bound);
    this.#prepare(descriptor);
    return descriptor;
  }

  /** Decodes the defaults of pointers that can be met in values of the type: while one is decoded it is too late. */
  #prepare(descriptor: StructDescriptor | InterfaceDescriptor): void {
    const seen = new Set<unknown>();
    const visit = (fields: readonly codes.Field[]): void => {
      for (const field of fields) {
        if (field.type === codes.GROUP) visit(field.fields?.() ?? []);
        else descend(field);
        if ((field.type === codes.STRUCT || field.type === codes.LIST) && field.or !== undefined && !this.#defaults.has(field)) {
          // A default in which it would be met again has no end: it is left out, in generated code too.
          if (reaches(field, field)) delete (field as { or?: unknown }).or;
          else this.#defaults.set(field, this.#behind(field, field.name, field.or as Uint8Array));
        }
      }
    };
    const descend = (element: codes.Element): void => {
      if (element.type === codes.LIST) descend(element.of as codes.Element);
      else if (element.type === codes.STRUCT) enter(element.of as StructDescriptor);
    };
    const enter = ({ $ }: StructDescriptor): void => {
      if (seen.has($)) return;
      seen.add($);
      visit($.fields());
    };
    if (descriptor.$.kind === "struct") enter(descriptor as StructDescriptor);
  }

  /** The value of a pointer's type that a message has for its root; of no message, what is read where nothing is. */
  #behind(element: codes.Element, name: string, message: Uint8Array | undefined): unknown {
    if (message === undefined) return element.type === codes.ANY ? undefined : Object.freeze(element.type === codes.LIST ? [] : {});
    return freeze(behind(element, name, message));
  }

  #node(id: bigint, kind: string): Node {
    const node = this.#nodes.get(id);
    if (node?.which !== kind) throw new TypeError(`the schema lacks the ${kind} with the id @0x${id.toString(16)}: it is incomplete`);
    return node;
  }
}

/** Whether values of the type can have the field in them. */
function reaches(from: codes.Element, field: codes.Field): boolean {
  const seen = new Set<unknown>();
  const inside = (fields: readonly codes.Field[]): boolean =>
    fields.some((each) => each === field || (each.type === codes.GROUP ? inside(each.fields?.() ?? []) : through(each)));
  const through = ({ type, of }: codes.Element): boolean => {
    if (type === codes.LIST) return through(of as codes.Element);
    if (type !== codes.STRUCT) return false;
    const { $ } = of as StructDescriptor;
    if (seen.has($)) return false;
    seen.add($);
    return inside($.fields());
  };
  return through(from);
}

function memberName(name: string): string {
  return TAKEN.has(name) ? `${name}_` : name;
}

/** A default as tables of fields have it; undefined for zero, null and empty. */
function valueOf(value: Value | undefined): Exclude<codes.Field["or"], undefined> | undefined {
  const found = value === undefined || typeof value.which === "number" ? undefined : (value as unknown as Record<string, unknown>)[value.which];
  if (found instanceof AnyPointer) return found.message;
  if (found instanceof Uint8Array) return found.length === 0 ? undefined : found;
  return found ? (found as number | bigint | boolean | string) : undefined;
}
