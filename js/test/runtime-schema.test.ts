import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile, Schema } from "../src/compiler-node.js";
import { AnyPointer, build, decode, encode, List, read, release, serve, Text, toJSON, UInt16 } from "../src/node.js";
import type { StructDescriptor } from "../src/seam/descriptor.js";
import { type Field, GROUP, LIST } from "../src/seam/fields.js";
import * as annotated from "./generated/annotated.capnp.js";
import * as everything from "./generated/everything.capnp.js";
import * as generics from "./generated/generics.capnp.js";
import { connectPair } from "./support.js";

const source = (name: string): string => readFileSync(new URL(`schemas/${name}`, import.meta.url), "utf8");
const golden = JSON.parse(readFileSync(new URL("golden.json", import.meta.url), "utf8")) as Record<string, string>;
const goldenGenerics = JSON.parse(readFileSync(new URL("golden-generics.json", import.meta.url), "utf8")) as Record<string, string>;

const names = ["everything.capnp", "generics.capnp", "other.capnp", "testing.capnp"];
const schema = await compile(Object.fromEntries(names.map((name) => [name, source(name)])));

/** Tables say the same, however the types in them were made. */
function plain(fields: readonly Field[], depth: number): unknown {
  return fields.map(({ of, fields: inner, type, ...field }) => ({
    ...field,
    type,
    ...(type === GROUP ? { fields: plain(inner?.() ?? [], depth) } : {}),
    ...(of === undefined ? {} : { of: element(of, depth) }),
  }));
}

function element(of: NonNullable<Field["of"]>, depth: number): unknown {
  if (!("$" in of)) return { type: of.type, ...(of.of === undefined ? {} : { of: element(of.of, depth) }) };
  const info = of.$;
  return info.kind === "struct" && depth > 0
    ? { name: info.name, dataWords: info.dataWords, pointers: info.pointers, tagAt: info.tagAt, fields: plain(info.fields(), depth - 1) }
    : { id: info.id, name: info.name };
}

const structNames = ["Scalars", "Defaults", "Lists", "Point", "Shape", "Holder", "OldHolder", "NewHolder", "Clash", "Map", "A"] as const;
const generated = (name: string): StructDescriptor => (everything as unknown as Record<string, StructDescriptor>)[name] as StructDescriptor;

describe("a schema compiled at run time", () => {
  test.each(structNames)("describes %s as generated code does", (name) => {
    expect(element(schema.struct(name), 3)).toEqual(element(generated(name), 3));
  });

  test("honours annotations for JSON as generated code does", async () => {
    const schema = await compile({ "annotated.capnp": source("annotated.capnp") });
    for (const name of ["Event", "Node", "Point", "Request", "Request.Put"] as const) {
      const type = name === "Request.Put" ? annotated.Request.Put : annotated[name];
      expect(element(schema.struct(name), 3), name).toEqual(element(type, 3));
      expect(schema.struct(name).$.json, name).toEqual(type.$.json);
    }
    expect(everything.Colour.$.json).toBeUndefined();
    expect(annotated.Point.$.json).toEqual({ which: "kind" });
    expect(schema.enum("Mood").$.json).toEqual(annotated.Mood.$.json);
  });

  test("has empty constants of every kind", async () => {
    const empty = "const t :Text = \"\"; const d :Data = 0x\"\"; const b :Bool = false; const i :Int64 = 0; const f :Float32 = 0; const v :Void = void;";
    const constants = await compile({ "empty.capnp": `@0xd3a9f0c41b6e7725; ${empty}` });
    expect(["t", "d", "b", "i", "f", "v"].map((name) => constants.constant(name))).toEqual(["", new Uint8Array(0), false, 0n, 0, undefined]);
  });

  test("reads what generated code reads, and writes the same bytes", () => {
    const types: Record<string, string> = {
      scalars: "Scalars",
      noScalars: "Scalars",
      defaults: "Defaults",
      setDefaults: "Defaults",
      lists: "Lists",
      noLists: "Lists",
      circle: "Shape",
      polygon: "Shape",
      box: "Shape",
      none: "Shape",
      inner: "Shape",
      corner: "Shape",
      holder: "Holder",
      old: "OldHolder",
      new: "NewHolder",
    };
    for (const [name, type] of Object.entries(types)) {
      const bytes = Buffer.from(golden[name] ?? "", "hex");
      const value = decode(schema.struct(type), bytes);
      expect(value, name).toEqual(decode(generated(type), bytes));
      expect(encode(schema.struct(type), value), name).toEqual(encode(generated(type), value));
      const view = read(schema.struct(type), bytes);
      const known = read(generated(type), bytes) as object;
      expect(toJSON(schema.struct(type), view), name).toEqual(toJSON(generated(type), known));
      release(known);
      release(view);
    }
  });

  test("gives absent structs and lists their defaults", () => {
    expect(goldenGenerics["fallbacks"]).toBeDefined();
    const bytes = Buffer.from(goldenGenerics["fallbacks"] ?? "", "hex");
    const value = decode(schema.struct("Fallbacks"), bytes);
    expect(value).toEqual(decode(generics.Fallbacks, bytes));
    expect(element(schema.struct("Fallbacks"), 2)).toEqual(element(generics.Fallbacks, 2));
    expect(schema.struct("Fallbacks").$.fields().some((field) => field.type === LIST && field.or !== undefined)).toBe(true);
  });

  test("binds type parameters", () => {
    const box = schema.struct("Box", Text);
    expect(schema.struct("Box", Text)).toBe(box);
    expect(schema.struct("Box", List(UInt16))).not.toBe(box);
    const bytes = encode(generics.Box(Text), { value: "inside" });
    expect(encode(box, { value: "inside" })).toEqual(bytes);
    expect(decode(box, bytes)).toEqual(decode(generics.Box(Text), bytes));
    expect(decode(schema.struct("Box"), bytes)["value"]).toBeInstanceOf(AnyPointer);
    const user = Buffer.from(goldenGenerics["user"] ?? "", "hex");
    expect(decode(schema.struct("User"), user)).toEqual(decode(generics.User, user));
    expect(() => schema.struct("Box", Text, Text)).toThrow("Box has 1 type parameters, not 2");
  });

  test("builds messages", () => {
    const point = build(schema.struct("Point"));
    point["x"] = 3;
    point["label"] = "here";
    expect(decode(everything.Point, encode(point))).toMatchObject({ x: 3, label: "here" });
    release(point);
  });

  test("says which field does not fit", () => {
    expect(() => encode(schema.struct("Point"), { x: "three" })).toThrow(/Point: x: expected .* got the string "three"/);
    expect(() => encode(schema.struct("Shape"), { circle: 1 })).toThrow('needs `which: "circle"`');
  });

  test("has enums, constants and names", async () => {
    expect(schema.enum("Colour").$.names).toEqual(["red", "green", "blue"]);
    expect(schema.constant("limit")).toBe(4096);
    expect(schema.constant("huge")).toBe(18446744073709551615n);
    expect(schema.constant("favourite")).toBe("green");
    expect(schema.names()).toContain("A.C");
    const constants = await compile({
      "c.capnp": "@0xd4c9a1b7e6f20853; struct P { x @0 :Int8; } const p :P = (x = 3); const l :List(P) = [.p]; const t :Text = \"t\"; const v :Void = void;",
    });
    expect(constants.constant("p")).toEqual({ x: 3 });
    expect(constants.constant("l")).toEqual([{ x: 3 }]);
    expect(constants.constant("t")).toBe("t");
    expect(constants.constant("v")).toBe(undefined);
  });

  test("is called and served without generated code", async () => {
    const calls = await compile({
      "adder.capnp": `@0xd4c9a1b7e6f20854;
        interface Adder { add @0 (a :Int32, b :Int32) -> (sum :Int64); more @1 () -> (adder :Adder); feed @2 (x :Text) -> stream; fed @3 () -> (all :List(Text)); }`,
    });
    const Adder = calls.interface("Adder");
    const fed: unknown[] = [];
    const adder = {
      add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
      more: () => ({ adder: serve(Adder, adder) }),
      feed: ({ x }: { x: string }) => void fed.push(x),
      fed: () => ({ all: fed }),
    };
    const { near } = connectPair(serve(Adder, adder));
    const client = near.bootstrap(Adder) as unknown as Record<string, (params?: object) => Promise<Record<string, unknown>> & Record<string, unknown>>;
    expect(await client["add"]?.({ a: 2, b: 3 })).toEqual({ sum: 5n });
    const other = client["more"]?.()["adder"] as typeof client;
    expect(await other["add"]?.({ a: -2, b: 1 })).toEqual({ sum: -1n });
    await client["feed"]?.({ x: "one" });
    await client["feed"]?.({ x: "two" });
    expect(await client["fed"]?.()).toEqual({ all: ["one", "two"] });
  });

  test("imports relative and standard files", async () => {
    const imported = await compile({
      "main.capnp": '@0xd4c9a1b7e6f20855; struct Main { part @0 :import "parts/part.capnp".Part; json @1 :import "/capnp/compat/json.capnp".Value; }',
      "parts/part.capnp": "@0xd4c9a1b7e6f20856; struct Part { name @0 :Text; }",
    });
    const Main = imported.struct("Main");
    const value = { part: { name: "p" }, json: { which: "number", number: 1.5 } };
    expect(decode(Main, encode(Main, value))).toEqual(value);
    expect(imported.struct("Part").$.name).toBe("parts/part.capnp:Part");
  });

  test("rejects schemas with errors, and says where they are", async () => {
    await expect(compile({ "bad.capnp": "@0xd4c9a1b7e6f20857;\nstruct Bad { x @0 :Itn32; }" })).rejects.toThrow(
      /bad\.capnp:2:\d+-\d+: error: .*Itn32[^]*did you mean/,
    );
    await expect(compile({})).rejects.toThrow("wants schema files");
    await expect(compile("@0xe1b2c3d4a5f60718;" as never)).rejects.toThrow("wants schema files");
    expect(() => schema.struct("Nothing")).toThrow(/the schema has no struct Nothing; what it has is /);
    expect(() => schema.struct("Colour")).toThrow("Colour is no struct");
    expect(() => new Schema({ capnpVersion: undefined, nodes: [], sourceInfo: [], requestedFiles: [] }).struct("A")).toThrow("nothing");
  });
});
