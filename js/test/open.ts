import type { StructDescriptor } from "../src/seam/descriptor.js";
import * as types from "../src/seam/fields.js";

/* Views and builders as a whole, by the tables of fields: into plain objects, and from them. */

type Shown = Record<string, unknown>;

/** A view or builder as `decode` would have it. */
export function plainOf(shown: object, type: StructDescriptor): unknown {
  return plainFields(shown as Shown, type.$.fields(), type.$.tagAt);
}

function plainFields(shown: Shown, fields: readonly types.Field[], tagAt: number | undefined): Shown {
  const plain: Shown = {};
  if (tagAt !== undefined) plain.which = shown.which;
  for (const field of fields) {
    if (field.tag !== undefined && shown.which !== field.name) {
      if (shown[field.name] !== undefined) throw new Error(`${field.name} is not there, but has a value`);
      continue;
    }
    if (field.type === types.VOID) continue;
    const value = shown[field.name];
    plain[field.name] =
      field.type === types.GROUP ? plainFields(value as Shown, field.fields?.() ?? [], field.tagAt) : plainValue(value, field);
  }
  return plain;
}

function plainValue(value: unknown, { type, of }: types.Element): unknown {
  if (value === undefined) return undefined;
  if (type === types.STRUCT) return plainOf(value as object, of as StructDescriptor);
  if (type === types.LIST) return [...(value as Iterable<unknown>)].map((each) => plainValue(each, of as types.Element));
  return value;
}

/** Sets field by field, structs and lists through their `init` methods. */
export function fill(builder: object, value: unknown, type: StructDescriptor): void {
  fillFields(builder as Shown, value as Shown, type.$.fields());
}

function fillFields(builder: Shown, value: Shown, fields: readonly types.Field[]): void {
  for (const field of fields) {
    const { name, type, of, tag } = field;
    const given = value[name];
    const isChosen = tag !== undefined && value.which === name;
    if (tag !== undefined && !isChosen) continue;
    if (type === types.VOID ? isChosen : type !== types.GROUP && type !== types.STRUCT && type !== types.LIST) {
      builder[name] = given;
    } else if (type === types.GROUP) {
      const group = isChosen ? init(builder, name) : builder[name];
      fillFields(group as Shown, given as Shown, field.fields?.() ?? []);
    } else if (given !== undefined && type === types.STRUCT) {
      fill(init(builder, name) as object, given, of as StructDescriptor);
    } else if (given !== undefined && type === types.LIST) {
      const values = given as readonly unknown[];
      fillList(init(builder, name, values.length) as List, values, of as types.Element);
    }
  }
}

interface List {
  at(index: number): object;
  set(index: number, value: unknown): void;
  init(index: number, count: number): List;
}

function fillList(list: List, values: readonly unknown[], { type, of }: types.Element): void {
  values.forEach((value, index) => {
    if (type === types.STRUCT) fill(list.at(index), value, of as StructDescriptor);
    else if (type === types.LIST) fillList(list.init(index, (value as unknown[]).length), value as unknown[], of as types.Element);
    else list.set(index, value);
  });
}

function init(builder: Shown, name: string, count?: number): unknown {
  const method = builder[`init${name.slice(0, 1).toUpperCase()}${name.slice(1)}`] as (this: Shown, count?: number) => unknown;
  return method.call(builder, count);
}

/** A message of one segment from its words, each as 16 hexadecimal digits in memory order. */
export function message(...words: string[]): Uint8Array {
  return segments(words);
}

export function segments(...all: string[][]): Uint8Array {
  const table = new Uint32Array(all.length + 1 + ((all.length + 1) & 1));
  table[0] = all.length - 1;
  all.forEach((words, i) => (table[i + 1] = words.length));
  const hex = all.flat().join("").replaceAll("_", "0");
  return Uint8Array.from([...new Uint8Array(table.buffer), ...(hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))]);
}
