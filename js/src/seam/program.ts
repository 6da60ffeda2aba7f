import type { StructDescriptor, StructInfo } from "./descriptor.js";
import * as types from "./fields.js";
import { refresh, u8, wasm } from "./memory.js";
import * as operations from "./operations.js";

/** Operations by type, from TEXT on. */
const BEHIND_POINTERS = [operations.TEXT, operations.DATA, operations.STRUCT, operations.LIST, operations.CAP, operations.ANY];

/** No schema has as many; but a generic struct may contain itself of ever larger types. */
const MAX_TYPES = 4096;

/** The types whose programs wasm knows. They are numbered from 1 in the order in which they are sent. */
const registered: StructInfo[] = [];
/** Numbers of types that have one already, of another copy of this package, whose wasm numbers them its own way. */
const others: Map<StructInfo, number> = /* @__PURE__ */ new Map();

/** The number of a type's layout program; sends it, and those of the types it refers to, when it is asked for first. */
export function programOf(type: StructDescriptor): number {
  return numberOf(type.$) ?? register(type.$);
}

function numberOf(info: StructInfo): number | undefined {
  return registered[info.program - 1] === info ? info.program : others.get(info);
}

/** To be called when there is another wasm, which knows none. */
export function forgetPrograms(): void {
  for (const info of registered) if (!others.delete(info)) info.program = 0;
  registered.length = 0;
}

type NumberOf = (info: StructInfo) => number;

function register(root: StructInfo): number {
  const batch = new Map<StructInfo, number>();
  const items: number[] = [];
  const numberIn: NumberOf = (info) => {
    const known = numberOf(info) ?? batch.get(info);
    if (known !== undefined) return known;
    const number = registered.length + batch.size + 1;
    batch.set(info, number);
    return number;
  };
  const first = numberIn(root);
  // The batch grows while it is gone through.
  for (const info of batch.keys()) {
    if (batch.size > MAX_TYPES) throw new TypeError(`${root.name} leads to ever new types: it is generic, and contains itself of other types`);
    const layout = layoutOf(info.fields(), info.tagAt, numberIn);
    items.push(info.dataWords | (firstBytes(info.fields(), info.tagAt) << 16), layout.length, ...layout);
  }
  if (send(Uint32Array.from(items)) !== registered.length + batch.size) {
    throw new Error(`the layout of ${root.name} is malformed: was it generated for another version of Capstan?`);
  }
  for (const [info, number] of batch) {
    registered.push(info);
    if (info.program === 0) info.program = number;
    else others.set(info, number);
  }
  return first;
}

function send(items: Uint32Array): number {
  const room = wasm.seam_message_room(items.byteLength);
  refresh();
  u8.set(new Uint8Array(items.buffer), room);
  return wasm.seam_register(items.byteLength);
}

/** Bytes of the widest scalar at the start of the data section, the tag of a union included. */
function firstBytes(fields: readonly types.Field[], tagAt: number | undefined): number {
  let bytes = tagAt === 0 ? 2 : 0;
  for (const field of fields) {
    if (field.type === types.GROUP) bytes = Math.max(bytes, firstBytes(field.fields?.() ?? [], field.tagAt));
    else if (field.at === 0) bytes = Math.max(bytes, types.bytesOf(field.type));
  }
  return bytes;
}

function layoutOf(fields: readonly types.Field[], tagAt: number | undefined, numberOf: NumberOf): number[] {
  const items: number[] = [];
  const cases: number[] = [];
  let count = 0;
  for (const field of types.inReadingOrder(fields)) {
    const found = fieldLayout(field, numberOf);
    if (field.tag === undefined) {
      items.push(...found);
    } else if (found.length > 0) {
      count++;
      cases.push(field.tag, found.length, ...found);
    }
  }
  if (count > 0) items.push(operations.UNION, (tagAt ?? 0) >> 1, count, ...cases);
  return items;
}

function fieldLayout(field: types.Field, numberOf: NumberOf): number[] {
  if (field.type === types.GROUP) return layoutOf(field.fields?.() ?? [], field.tagAt, numberOf);
  if (field.type === types.TEXT && field.or !== undefined) return [operations.OPTIONAL_TEXT, field.at];
  const [operation, ...operand] = elementLayout(field, numberOf);
  if (operation === undefined) return [];
  return [operation === operations.LIST && field.or !== undefined ? operations.OPTIONAL_LIST : operation, field.at, ...operand];
}

/** Nothing for scalars. */
function elementLayout({ type, of }: types.Element, numberOf: NumberOf): number[] {
  const operation = BEHIND_POINTERS[type - types.TEXT];
  if (operation === undefined) return [];
  if (type === types.STRUCT) return [operation, numberOf((of as StructDescriptor).$)];
  if (type !== types.LIST) return [operation];
  const element = of as types.Element;
  const size = types.ELEMENT_SIZES[element.type];
  return size === undefined ? [operation, ...elementLayout(element, numberOf)] : [operation, operations.IN_LIST + size];
}
