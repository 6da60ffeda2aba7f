import { expect, test } from "vitest";
import {
  encode,
  encodePacked,
  equals,
  init,
  MessageBuilder,
  MessageReader,
  release,
  totalSize,
  unpack,
  type UntypedPointer,
  type UntypedPointerBuilder,
} from "../src/node.js";

await init();

/** The same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What is behind a pointer, whatever its type: data as bytes, pointers in order. */
type Tree = undefined | string | number | { data: number[]; pointers: Tree[] } | { bits: boolean[] } | { structs: { data: number[]; pointers: Tree[] }[] };

function grow(random: (below: number) => number, depth: number): Tree {
  const bytes = (count: number): number[] => Array.from({ length: count }, () => random(256));
  const trees = (count: number): Tree[] => Array.from({ length: count }, () => grow(random, depth + 1));
  const kind = depth > 5 ? random(3) : random(7);
  if (kind === 0) return undefined;
  if (kind === 1) return "tëxt ".repeat(random(20));
  if (kind === 2) return random(2 ** 32);
  if (kind === 3) return { bits: Array.from({ length: random(70) }, () => random(2) === 1) };
  if (kind === 4) {
    const [data, pointers] = [random(3), random(3)];
    return { structs: Array.from({ length: random(5) }, () => ({ data: bytes(data * 8), pointers: trees(pointers) })) };
  }
  return { data: bytes(random(4) * 8), pointers: trees(random(4)) };
}

function plant(at: UntypedPointerBuilder, tree: Tree, random: (below: number) => number): void {
  if (tree === undefined) return;
  if (typeof tree === "string") return at.setText(tree);
  if (typeof tree === "number") return at.setCapability(tree);
  if ("bits" in tree) {
    const list = at.initList("bit", tree.bits.length);
    return tree.bits.forEach((bit, i) => list.setBool(i, bit));
  }
  if ("structs" in tree) {
    const [first] = tree.structs;
    const list = at.initStructList(tree.structs.length, (first?.data.length ?? 0) / 8, first?.pointers.length ?? 0);
    return tree.structs.forEach(({ data, pointers }, i) => {
      data.forEach((byte, k) => list.struct(i).setUint8(k, byte));
      pointers.forEach((each, k) => plant(list.struct(i).pointer(k), each, random));
    });
  }
  const struct = at.initStruct(tree.data.length / 8, tree.pointers.length);
  tree.data.forEach((byte, k) => struct.setUint8(k, byte));
  tree.pointers.forEach((each, k) => {
    plant(struct.pointer(k), each, random);
    // Some are taken out of their place and put back.
    if (random(4) === 0) struct.pointer(k).adopt(struct.pointer(k).disown());
  });
}

function harvest(at: UntypedPointer): Tree {
  if (at.kind === "null") return undefined;
  if (at.kind === "capability") return at.capability();
  if (at.kind === "list") {
    const list = at.list();
    if (list.elementSize === "byte") return at.text();
    const indexes = Array.from({ length: list.length }, (_, i) => i);
    if (list.elementSize === "bit") return { bits: indexes.map((i) => list.getBool(i)) };
    return { structs: indexes.map((i) => contentOf(list.struct(i))) };
  }
  return contentOf(at.struct());
}

function contentOf(struct: ReturnType<UntypedPointer["struct"]>): { data: number[]; pointers: Tree[] } {
  return {
    data: Array.from({ length: struct.dataBytes }, (_, i) => struct.getUint8(i)),
    pointers: Array.from({ length: struct.pointerCount }, (_, i) => harvest(struct.pointer(i))),
  };
}

function hasCapability(tree: Tree): boolean {
  if (typeof tree === "number") return true;
  if (typeof tree !== "object" || "bits" in tree) return false;
  const structs = "structs" in tree ? tree.structs : [tree];
  return structs.some(({ pointers }) => pointers.some(hasCapability));
}

test("any tree that is built is read back, through every way out, and copied", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = generator(seed);
    const tree = grow(random, 0);
    const builder = new MessageBuilder();
    plant(builder.root, tree, random);
    expect(harvest(builder.root), `seed ${seed}`).toEqual(tree);
    const bytes = encode(builder);
    const reader = new MessageReader(bytes);
    expect(harvest(reader.root), `seed ${seed}`).toEqual(tree);
    expect(unpack(encodePacked(builder))).toEqual(bytes);
    expect(totalSize(reader.root)).toEqual(totalSize(builder.root));
    if (!hasCapability(tree)) {
      const copy = new MessageBuilder();
      copy.root.copyFrom(reader.root);
      expect(harvest(copy.root), `seed ${seed}`).toEqual(tree);
      expect(equals(copy.root, builder.root)).toBe(true);
      release(copy);
    }
    release(reader);
    release(builder);
  }
});
