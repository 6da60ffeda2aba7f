import * as es from "capnp-es";
import { encode, read, release } from "capstan";
import { Results } from "ours/catrank.capnp.js";
import * as esTypes from "../generated/capnp-es/catrank.js";
import { catrank } from "../values.mjs";

/** Three fields out of a message of 1 MiB, search results again, and out of the same as JSON. */
export function fewFields() {
  const value = catrank(880_000);
  const bytes = encode(Results, value);
  const text = JSON.stringify(value);
  const inBytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const place = value.hits.length >> 1;
  const sum = ({ url, score, snippet }) => url.length + url.charCodeAt(20) + score + snippet.length + snippet.charCodeAt(0);
  return [
    {
      name: "capstan",
      run() {
        const results = read(Results, bytes);
        const found = sum(results.hits.at(place));
        release(results);
        return found;
      },
    },
    { name: "JSON.parse", run: () => sum(JSON.parse(text).hits[place]) },
    { name: "JSON.parse, of bytes", run: () => sum(JSON.parse(decoder.decode(inBytes)).hits[place]) },
    { name: "capnp-es", run: () => sum(new es.Message(bytes, false).getRoot(esTypes.Results).hits.get(place)) },
  ];
}
