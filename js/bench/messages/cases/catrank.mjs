import avro from "avsc/etc/browser/avsc-types.js";
import * as es from "capnp-es";
import ts from "capnp-ts";
import { build, decode, encode, read, release } from "capstan";
import protobuf from "protobufjs";
import { Results } from "ours/catrank.capnp.js";
import { own, schemaless } from "../codecs.mjs";
import * as esTypes from "../generated/capnp-es/catrank.js";
import tsTypes from "../generated/capnp-ts/catrank.js";
import { catrank as makeValue } from "../values.mjs";

export function catrank() {
  const value = makeValue();
  return { value, codecs: [ours(value), lazily(value), ...schemaless(value, sum), avsc(value), protobufjs(value), capnpEs(value), capnpTs(value)] };
}

function sum(results) {
  let total = 0;
  for (const { url, score, snippet } of results.hits) {
    total += url.length + url.charCodeAt(url.length >> 1) + score + snippet.length + snippet.charCodeAt(snippet.length >> 1);
  }
  return total;
}

function ours(value) {
  const total = own(sum);
  return { name: "capstan", encode: () => encode(Results, value), sum: (bytes) => total(decode(Results, bytes)), plain: (bytes) => decode(Results, bytes) };
}

/** Builders and views. */
function lazily(value) {
  return {
    name: "capstan, build() and read()",
    encode() {
      const results = build(Results);
      const hits = results.initHits(value.hits.length);
      value.hits.forEach((from, i) => {
        const hit = hits.at(i);
        hit.url = from.url;
        hit.score = from.score;
        hit.snippet = from.snippet;
      });
      const bytes = encode(results);
      release(results);
      return bytes;
    },
    sum(bytes) {
      const results = read(Results, bytes);
      const { hits } = results;
      let total = 0;
      for (let i = 0, n = hits.length; i < n; i++) {
        const { url, score, snippet } = hits.at(i);
        total += url.length + url.charCodeAt(url.length >> 1) + score + snippet.length + snippet.charCodeAt(snippet.length >> 1);
      }
      release(results);
      return total;
    },
    plain: (bytes) => decode(Results, bytes),
  };
}

function avsc(value) {
  const hit = { type: "record", name: "Hit", fields: [{ name: "url", type: "string" }, { name: "score", type: "double" }, { name: "snippet", type: "string" }] };
  const type = avro.Type.forSchema({ type: "record", name: "Results", fields: [{ name: "hits", type: { type: "array", items: hit } }] });
  const total = own(sum);
  return { name: "avsc", encode: () => type.toBuffer(value), sum: (bytes) => total(type.fromBuffer(bytes)), plain: (bytes) => type.fromBuffer(bytes) };
}

function protobufjs(value) {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message Results { repeated Hit hits = 1; }
    message Hit { string url = 1; double score = 2; string snippet = 3; }
  `);
  const type = root.lookupType("Results");
  const total = own(sum);
  return { name: "protobufjs", encode: () => type.encode(value).finish(), sum: (bytes) => total(type.decode(bytes)), plain: (bytes) => type.decode(bytes) };
}

function capnpEs(value) {
  const root = (bytes) => new es.Message(bytes, false).getRoot(esTypes.Results).hits;
  return {
    name: "capnp-es",
    encode() {
      const message = new es.Message();
      const hits = message.initRoot(esTypes.Results)._initHits(value.hits.length);
      value.hits.forEach((from, i) => {
        const hit = hits.get(i);
        hit.url = from.url;
        hit.score = from.score;
        hit.snippet = from.snippet;
      });
      return new Uint8Array(message.toArrayBuffer());
    },
    sum(bytes) {
      const hits = root(bytes);
      let total = 0;
      for (let i = 0, n = hits.length; i < n; i++) {
        const { url, score, snippet } = hits.get(i);
        total += url.length + url.charCodeAt(url.length >> 1) + score + snippet.length + snippet.charCodeAt(snippet.length >> 1);
      }
      return total;
    },
    plain(bytes) {
      const hits = root(bytes);
      return { hits: Array.from({ length: hits.length }, (_, i) => hits.get(i)) };
    },
  };
}

function capnpTs(value) {
  const root = (bytes) => new ts.Message(bytes, false).getRoot(tsTypes.Results).getHits();
  return {
    name: "capnp-ts",
    encode() {
      const message = new ts.Message();
      const hits = message.initRoot(tsTypes.Results).initHits(value.hits.length);
      value.hits.forEach((from, i) => {
        const hit = hits.get(i);
        hit.setUrl(from.url);
        hit.setScore(from.score);
        hit.setSnippet(from.snippet);
      });
      return new Uint8Array(message.toArrayBuffer());
    },
    sum(bytes) {
      const hits = root(bytes);
      let total = 0;
      for (let i = 0, n = hits.getLength(); i < n; i++) {
        const hit = hits.get(i);
        const [url, snippet] = [hit.getUrl(), hit.getSnippet()];
        total += url.length + url.charCodeAt(url.length >> 1) + hit.getScore() + snippet.length + snippet.charCodeAt(snippet.length >> 1);
      }
      return total;
    },
    plain(bytes) {
      const hits = root(bytes);
      return {
        hits: Array.from({ length: hits.getLength() }, (_, i) => {
          const hit = hits.get(i);
          return { url: hit.getUrl(), score: hit.getScore(), snippet: hit.getSnippet() };
        }),
      };
    },
  };
}
