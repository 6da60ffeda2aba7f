// What each case shares with the others: codecs that need no schema, and setting up those that do.
import { Packr } from "msgpackr";

/**
 * A function compiled anew from its source. A function shared by several codecs would see the objects of all of them
 * and be slowed down for each by the others. It must not refer to anything around it.
 */
export function own(fn) {
  return new Function(`return ${fn};`)();
}

/** JSON and MessagePack, of values as Capstan takes and returns them. */
export function schemaless(value, sum) {
  return [json(value, own(sum)), messagePack("msgpackr", { structures: [] }, value, own(sum)), messagePack("msgpackr, bundled strings", { structures: [], bundleStrings: true }, value, own(sum))];
}

function json(value, sum) {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const parse = (bytes) => JSON.parse(decoder.decode(bytes));
  return { name: "JSON", encode: () => encoder.encode(JSON.stringify(value)), sum: (bytes) => sum(parse(bytes)), plain: parse };
}

/** With the structures of its records kept outside of the messages, which is its fastest. */
function messagePack(name, options, value, sum) {
  const packr = new Packr(options);
  return { name, encode: () => packr.pack(value), sum: (bytes) => sum(packr.unpack(bytes)), plain: (bytes) => packr.unpack(bytes) };
}
