import { decode } from "../../src/node.js";
import type { Limits } from "../../src/message.js";
import { CodeGeneratorRequest, type Brand, type Field, type Node, type Type } from "../generated/capnp/schema.capnp.js";
import { compileSchema } from "./tool.js";

/*
 * What a schema says, from what the reference tool makes of it. Nothing here knows the generated modules: values are
 * made up from this, and what is decoded is compared with it.
 */

export type Shape =
  | { kind: "void" | "bool" | "text" | "data" | "any" | "anyStruct" | "anyList" | "capability" }
  | { kind: "int"; bits: 8 | 16 | 32 | 64; signed: boolean }
  | { kind: "float"; bits: 32 | 64 }
  | { kind: "enum"; names: readonly string[] }
  | { kind: "list"; of: Shape }
  | { kind: "struct"; struct: Struct };

export interface Member {
  name: string;
  shape: Shape;
  /** A group, or a named union: always there, without a pointer. */
  group: boolean;
  /** Of the schema: zero for what has none. Undefined for pointers without one. */
  byDefault: unknown;
}

export interface Struct {
  name: string;
  /** Those that are always there. */
  members: Member[];
  /** Those of the unnamed union, in the order of their tags. */
  union: Member[];
}

/** A struct of a schema file by its name. */
export type Structs = (name: string) => Struct;

export function loadStructs(directory: URL, file: string): Structs {
  // The reference tool's own message is decoded by what is being tested; it has a test of its own.
  const limits: Limits = { traversalLimitWords: 1 << 22 };
  const request = decode(CodeGeneratorRequest, compileSchema(directory, file), limits);
  const nodes = new Map(request.nodes.map((node) => [node.id, node]));
  const made = new Map<string, Struct>();

  function structOf(node: Node, bindings: Bindings): Struct {
    const key = `${node.id} ${JSON.stringify(bindings, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`;
    let struct = made.get(key);
    if (struct !== undefined) return struct;
    struct = { name: node.displayName.replace(/^.*:/, ""), members: [], union: [] };
    made.set(key, struct);
    if (node.which !== "struct") throw new Error(`${node.displayName} is no struct`);
    const fields = [...node.struct.fields].sort((one, other) => one.discriminantValue - other.discriminantValue);
    for (const field of fields) {
      const member = memberOf(field, bindings);
      (field.discriminantValue === 0xffff ? struct.members : struct.union).push(member);
    }
    return struct;
  }

  function memberOf(field: Field, bindings: Bindings): Member {
    if (field.which === "group") {
      const node = nodes.get(field.group.typeId) as Node;
      return { name: field.name, shape: { kind: "struct", struct: structOf(node, bindings) }, group: true, byDefault: undefined };
    }
    if (field.which !== "slot") throw new Error(`${field.name} is neither slot nor group`);
    const { type, defaultValue } = field.slot;
    const shape = shapeOf(type as Type, bindings);
    let byDefault: unknown;
    const value = defaultValue as Record<string, unknown> | undefined;
    if (value !== undefined && value["which"] !== "anyPointer" && typeof value["which"] === "string") byDefault = value[value["which"]];
    // Parameters have no default of their own.
    if (shape.kind === "text") byDefault ??= "";
    if (shape.kind === "data") byDefault ??= new Uint8Array(0);
    if (shape.kind === "enum") byDefault = shape.names[byDefault as number];
    return { name: field.name, shape, group: false, byDefault };
  }

  function shapeOf(type: Type, bindings: Bindings): Shape {
    switch (type.which) {
      case "void":
      case "bool":
      case "text":
      case "data":
        return { kind: type.which };
      case "int8":
      case "int16":
      case "int32":
      case "int64":
      case "uint8":
      case "uint16":
      case "uint32":
      case "uint64":
        return { kind: "int", bits: Number(type.which.replace(/\D+/, "")) as 8, signed: type.which.startsWith("int") };
      case "float32":
      case "float64":
        return { kind: "float", bits: type.which === "float32" ? 32 : 64 };
      case "enum": {
        const node = nodes.get(type.enum.typeId);
        if (node?.which !== "enum") throw new Error("an enum is missing");
        return { kind: "enum", names: node.enum.enumerants.map((each) => each.name) };
      }
      case "list":
        return { kind: "list", of: shapeOf(type.list.elementType as Type, bindings) };
      case "struct": {
        const node = nodes.get(type.struct.typeId) as Node;
        return { kind: "struct", struct: structOf(node, bindingsOf(type.struct.brand, bindings)) };
      }
      case "interface":
        return { kind: "capability" };
      case "anyPointer": {
        const any = type.anyPointer;
        if (any.which === "parameter") {
          const bound = bindings[`${any.parameter.scopeId} ${any.parameter.parameterIndex}`];
          return bound ?? { kind: "any" };
        }
        if (any.which !== "unconstrained") return { kind: "any" };
        const kinds = { anyKind: "any", struct: "anyStruct", list: "anyList", capability: "capability" } as const;
        return { kind: kinds[any.unconstrained.which as keyof typeof kinds] };
      }
      default:
        throw new Error(`unknown type ${type.which}`);
    }
  }

  function bindingsOf(brand: Brand | undefined, outer: Bindings): Bindings {
    const inner: Bindings = {};
    for (const scope of brand?.scopes ?? []) {
      if (scope.which !== "bind") continue;
      for (const [index, binding] of scope.bind.entries()) {
        if (binding.which === "type") inner[`${scope.scopeId} ${index}`] = shapeOf(binding.type as Type, outer);
      }
    }
    return inner;
  }

  return (name) => {
    const node = request.nodes.find((node) => node.displayName === `${file}:${name}`);
    if (node === undefined) throw new Error(`${file} has no struct ${name}`);
    return structOf(node, {});
  };
}

/** Type parameters by scope and index. */
type Bindings = Record<string, Shape>;
