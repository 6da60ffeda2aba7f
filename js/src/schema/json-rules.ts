import { DiscriminatorOptions, FlattenOptions } from "../capnp/compat/json.capnp.js";
import type { Annotation, Enumerant, Field, Node } from "../capnp/schema.capnp.js";
import { read } from "../messages/views.js";
import { AnyPointer } from "../seam/any.js";
import type { StructDescriptor } from "../seam/descriptor.js";
import type { JsonRules } from "../seam/fields.js";
import { has, dispose } from "../symbols.js";

/*
 * What the annotations of `/capnp/compat/json.capnp` say, as tables of fields have it.
 */

const NAME = 0xfa5b1fd61c2e7c3dn;
const FLATTEN = 0x82d3e852af0336bfn;
const DISCRIMINATOR = 0xcfa794e8d19a0162n;
const BASE64 = 0xd7d879450a253e4bn;
const HEX = 0xf061e22f0ae5c7b5n;

type Annotations = readonly Annotation[];
type Json = { readonly json?: JsonRules };

/** For a struct's own union. */
export function rulesOfStruct({ annotations }: Node): Json {
  return json(discriminator(annotations, undefined));
}

export function rulesOfField({ annotations, name, which }: Field): Json {
  if (annotations.length === 0) return {};
  const renamed = nameOf(annotations, name);
  const flatten = find(annotations, FLATTEN);
  const bytes = find(annotations, BASE64) ? "base64" : find(annotations, HEX) ? "hex" : undefined;
  return json({
    ...(renamed === name ? {} : { name: renamed }),
    ...(flatten === undefined ? {} : { flatten: textsIn(FlattenOptions, flatten)[0] ?? "" }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(which === "group" ? discriminator(annotations, renamed) : {}),
  });
}

/** Nothing where they are called as in the schema. */
export function enumerantsInJson(enumerants: readonly Enumerant[]): string[] | undefined {
  const names = enumerants.map(({ annotations, name }) => nameOf(annotations, name));
  return names.some((name, at) => name !== enumerants[at]?.name) ? names : undefined;
}

/** A named union has a name to go by where the annotation has none. */
function discriminator(annotations: Annotations, otherwise: string | undefined): JsonRules {
  const found = find(annotations, DISCRIMINATOR);
  if (found === undefined) return {};
  const [which = otherwise, value] = textsIn(DiscriminatorOptions, found);
  return { ...(which === undefined ? {} : { which }), ...(value === undefined ? {} : { value }) };
}

function nameOf(annotations: Annotations, name: string): string {
  const value = find(annotations, NAME)?.value;
  return value?.which === "text" ? value.text : name;
}

function find(annotations: Annotations, id: bigint): Annotation | undefined {
  return annotations.find((annotation) => annotation.id === id);
}

/** The texts of an annotation that is a struct of nothing else, those that are there. */
function textsIn(type: StructDescriptor, { value }: Annotation): (string | undefined)[] {
  const options = value?.which === "struct" ? value.struct : undefined;
  if (!(options instanceof AnyPointer)) return [];
  const view = read(type, options.message) as Record<string, string> & Disposable & { [has](pointer: number): boolean };
  const texts = type.$.fields().map(({ name, at }) => (view[has](at) ? view[name] : undefined));
  view[dispose]();
  return texts;
}

function json(rules: JsonRules): Json {
  return Object.keys(rules).length === 0 ? {} : { json: rules };
}
