import { readdirSync, readFileSync } from "node:fs";
// @ts-expect-error: it comes without types
import { transformSync } from "amaro";
import { transform } from "esbuild";
import { describe, expect, expectTypeOf, test } from "vitest";
import { decode, encode, init } from "../src/node.js";
import type { AnyPointer, CallPromise } from "../src/codegen/v1.js";
import * as js from "./generated/js/everything.capnp.js";
import * as ts from "./generated/everything.capnp.js";
import { DATA } from "../src/seam/fields.js";
import { pipelineOf } from "../src/seam/pipeline.js";
import { ByteSink, Files } from "./generated/files.capnp.js";
import { bundled } from "./support.js";

await init();

const folder = new URL("generated/", import.meta.url);
const modules = readdirSync(folder).filter((name) => name.endsWith(".ts"));

/** Without spaces, comments and the marks of parameters that are not used, which TypeScript alone wants to see. */
async function minified(code: string): Promise<string> {
  return (await transform(code.replaceAll(/\b_(?=\w)/g, ""), { minifyWhitespace: true })).code;
}

describe("a generated module", () => {
  test("is the same as TypeScript and as JavaScript", () => {
    expect(Object.keys(js).sort()).toEqual(Object.keys(ts).sort());
    const value = { name: "n", which: "polygon", polygon: [{ x: 1, label: "l" }] } as const;
    expect(encode(js.Shape, value)).toEqual(encode(ts.Shape, value));
    expect(decode(js.Shape, encode(ts.Shape, value))).toEqual(decode(ts.Shape, encode(js.Shape, value)));
  });

  // What Node takes the types out with.
  test.each(modules)("is JavaScript once its types are blanked out: %s", async (name) => {
    const { code } = transformSync(readFileSync(new URL(name, folder), "utf8"), { mode: "strip-only" }) as { code: string };
    const plain = readFileSync(new URL(`js/${name.replace(/ts$/, "js")}`, folder), "utf8");
    expect(await minified(code)).toBe(await minified(plain));
  });

  test("reaches nested types through the outer one, as values and as types", () => {
    expect(Files.Entry.$.name).toBe("files.capnp:Files.Entry");
    expect(ts.A.A.$.name).toBe("everything.capnp:A.A");
    expectTypeOf<Files.Entry>().toEqualTypeOf<{ name: string; size: bigint }>();
    const deep: ts.A.C = { outer: { c: undefined }, inner: { deep: 1 } };
    expect(decode(ts.A, encode(ts.A, { c: deep }))).toEqual({ c: deep });
  });

  test("describes methods", () => {
    const [create] = Files.$.methods;
    expect(create).toMatchObject({ name: "create", ordinal: 0, streaming: false });
    expect(create?.params().$.name).toBe("files.capnp:Files.create$Params");
    const pipelined = create?.results ? pipelineOf(create.results()) : [];
    expect(pipelined.map((field) => field.name)).toEqual(["sink", "handle"]);
    const [write, end] = ByteSink.$.methods;
    expect(write).toMatchObject({ streaming: true, results: undefined });
    expect(write?.params().$.fields()).toEqual([{ name: "chunk", type: DATA, at: 0 }]);
    expect(end?.streaming).toBe(false);
    expect(ts.Derived.$.extends()).toEqual([ts.Base]);
    expect(ts.Derived.$.methods.map(({ name, schemaName }) => [name, schemaName])[0]).toEqual(["then_", "then"]);
    const results = ts.Derived.$.methods[0]?.results;
    const [, nested] = results ? pipelineOf(results()) : [];
    if (!nested || !("fields" in nested)) throw new Error("the nested struct leads to a client");
    const [deeper, again] = nested.fields();
    expect(deeper).toMatchObject({ name: "deeper" });
    expect(again).toMatchObject({ name: "again", pointer: 1 });
  });

  test("gives clients and servers the types that the schema says", () => {
    type Create = Files["create"];
    expectTypeOf<ReturnType<Create>>().toEqualTypeOf<CallPromise<Files.create$Results, Files.create$Results.Pipeline>>();
    expectTypeOf<ReturnType<Create>["sink"]>().toEqualTypeOf<ByteSink>();
    expectTypeOf<Awaited<ReturnType<Create>>["sink"]>().toEqualTypeOf<ByteSink | undefined>();
    expectTypeOf<Parameters<Create>[0]>().toEqualTypeOf<
      { name?: string | undefined; size?: number | bigint | undefined } | undefined
    >();
    expectTypeOf<ReturnType<ByteSink["write"]>>().toEqualTypeOf<Promise<void>>();
    // An interface without methods is still a type of its own.
    expectTypeOf<ByteSink>().not.toExtend<Files.Handle>();
    expectTypeOf<object>().not.toExtend<Files.Handle>();
    expectTypeOf<ts.Derived>().toExtend<ts.Base>();
    const server: Files.Server = {
      create: async ({ name }) => (expectTypeOf(name).toEqualTypeOf<string>(), {}),
      list: () => ({ entries: [{ size: 1 }, { name: "b", size: 2n }] }),
      read: () => undefined,
    };
    expect(server).toBeDefined();
  });

  test("gives values the types that the schema says", () => {
    expectTypeOf<ts.Scalars["u64"]>().toEqualTypeOf<bigint>();
    expectTypeOf<ts.Scalars.Input["u64"]>().toEqualTypeOf<number | bigint | undefined>();
    expectTypeOf<ts.Colour>().toEqualTypeOf<"red" | "green" | "blue" | number>();
    expectTypeOf<ts.Holder["any"]>().toEqualTypeOf<AnyPointer | undefined>();
    const shape = decode(ts.Shape, encode(ts.Shape, { which: "circle", circle: 2 }));
    if (shape.which !== "circle") throw new Error("it is a circle");
    expectTypeOf(shape.circle).toEqualTypeOf<number>();
    expectTypeOf(shape.name).toEqualTypeOf<string>();
    // @ts-expect-error there is no such member
    encode(ts.Shape, { which: "circle", polygon: 4 });
    // @ts-expect-error and no such field
    expect(() => encode(ts.Point, { z: 1 })).toThrow("everything.capnp:Point has no field z; it has x, y, label");
  });

  test("is dropped from a bundle but for what is used", async () => {
    const bundle = await bundled(`export { limit } from "./generated/everything.capnp.js";`);
    expect(bundle).toContain("4096");
    expect(bundle).not.toMatch(/decode|encode|everything\.capnp:/);
    const one = await bundled(`export { Point } from "./generated/everything.capnp.js";`);
    expect(one).toContain("everything.capnp:Point");
    expect(one).not.toContain("everything.capnp:Lists");
  });
});
