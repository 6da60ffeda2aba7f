import avro from "avsc/etc/browser/avsc-types.js";
import * as es from "capnp-es";
import ts from "capnp-ts";
import { build, decode, encode, read, release } from "capstan";
import protobuf from "protobufjs";
import { Term } from "ours/eval.capnp.js";
import { own, schemaless } from "../codecs.mjs";
import * as esTypes from "../generated/capnp-es/eval.js";
import tsTypes from "../generated/capnp-ts/eval.js";
import { evaluation as makeValue } from "../values.mjs";

const OPERATIONS = ["add", "subtract", "multiply", "divide", "modulus"];

export function evaluation() {
  const value = makeValue();
  return { value, codecs: [ours(value), lazily(value), ...schemaless(value, sum), avsc(value), protobufjs(value), capnpEs(value), capnpTs(value)] };
}

function sum(term) {
  const { left, right } = term;
  let total = term.operation.length;
  total += left.which === "value" ? left.value : 1000 + sum(left.term);
  total += right.which === "value" ? right.value : 2000 + sum(right.term);
  return total;
}

function ours(value) {
  const total = own(sum);
  return { name: "capstan", encode: () => encode(Term, value), sum: (bytes) => total(decode(Term, bytes)), plain: (bytes) => decode(Term, bytes) };
}

/** Builders and views. */
function lazily(value) {
  const fill = (term, from) => {
    term.operation = from.operation;
    if (from.left.which === "value") term.left.value = from.left.value;
    else fill(term.left.initTerm(), from.left.term);
    if (from.right.which === "value") term.right.value = from.right.value;
    else fill(term.right.initTerm(), from.right.term);
  };
  const total = own(sum);
  return {
    name: "capstan, build() and read()",
    encode() {
      const term = build(Term);
      fill(term, value);
      const bytes = encode(term);
      release(term);
      return bytes;
    },
    sum(bytes) {
      const term = read(Term, bytes);
      const found = total(term);
      release(term);
      return found;
    },
    plain: (bytes) => decode(Term, bytes),
  };
}

/** Its unions are told apart by the types of their values. */
function avsc(value) {
  const type = avro.Type.forSchema({
    type: "record",
    name: "Term",
    fields: [
      { name: "operation", type: { type: "enum", name: "Operation", symbols: OPERATIONS } },
      { name: "left", type: ["int", "Term"] },
      { name: "right", type: ["int", "Term"] },
    ],
  });
  const bare = (term) => ({ operation: term.operation, left: bareOperand(term.left), right: bareOperand(term.right) });
  const bareOperand = (operand) => (operand.which === "value" ? operand.value : bare(operand.term));
  const named = (term) => ({ operation: term.operation, left: namedOperand(term.left), right: namedOperand(term.right) });
  const namedOperand = (operand) => (typeof operand === "number" ? { which: "value", value: operand } : { which: "term", term: named(operand) });
  const input = bare(value);
  const total = own(function sum(term) {
    const { left, right } = term;
    let total = term.operation.length;
    total += typeof left === "number" ? left : 1000 + sum(left);
    total += typeof right === "number" ? right : 2000 + sum(right);
    return total;
  });
  return { name: "avsc", encode: () => type.toBuffer(input), sum: (bytes) => total(type.fromBuffer(bytes)), plain: (bytes) => named(type.fromBuffer(bytes)) };
}

function protobufjs(value) {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message Term {
      Operation operation = 1;
      oneof left { int32 leftValue = 2; Term leftTerm = 3; }
      oneof right { int32 rightValue = 4; Term rightTerm = 5; }
    }
    enum Operation { add = 0; subtract = 1; multiply = 2; divide = 3; modulus = 4; }
  `);
  const type = root.lookupType("Term");
  const flat = ({ operation, left, right }) => ({
    operation: OPERATIONS.indexOf(operation),
    ...(left.which === "value" ? { leftValue: left.value } : { leftTerm: flat(left.term) }),
    ...(right.which === "value" ? { rightValue: right.value } : { rightTerm: flat(right.term) }),
  });
  const named = (term) => ({
    operation: OPERATIONS[term.operation],
    left: term.leftTerm == null ? { which: "value", value: term.leftValue } : { which: "term", term: named(term.leftTerm) },
    right: term.rightTerm == null ? { which: "value", value: term.rightValue } : { which: "term", term: named(term.rightTerm) },
  });
  const input = flat(value);
  const total = own(function sum(term) {
    let total = 1 + term.operation;
    total += term.leftTerm == null ? term.leftValue : 1000 + sum(term.leftTerm);
    total += term.rightTerm == null ? term.rightValue : 2000 + sum(term.rightTerm);
    return total;
  });
  return { name: "protobufjs", encode: () => type.encode(input).finish(), sum: (bytes) => total(type.decode(bytes)), plain: (bytes) => named(type.decode(bytes)) };
}

function capnpEs(value) {
  const fill = (term, from) => {
    term.operation = esTypes.Operation[from.operation.toUpperCase()];
    if (from.left.which === "value") term.left.value = from.left.value;
    else fill(term.left._initTerm(), from.left.term);
    if (from.right.which === "value") term.right.value = from.right.value;
    else fill(term.right._initTerm(), from.right.term);
  };
  const sum = (term) => {
    const { left, right } = term;
    let total = 1 + term.operation;
    total += left.which() === esTypes.Term_Left.VALUE ? left.value : 1000 + sum(left.term);
    total += right.which() === esTypes.Term_Right.VALUE ? right.value : 2000 + sum(right.term);
    return total;
  };
  const named = (term) => ({ operation: OPERATIONS[term.operation], left: namedOperand(term.left), right: namedOperand(term.right) });
  const namedOperand = (operand) => (operand.which() === 0 ? { which: "value", value: operand.value } : { which: "term", term: named(operand.term) });
  const root = (bytes) => new es.Message(bytes, false).getRoot(esTypes.Term);
  return {
    name: "capnp-es",
    encode() {
      const message = new es.Message();
      fill(message.initRoot(esTypes.Term), value);
      return new Uint8Array(message.toArrayBuffer());
    },
    sum: (bytes) => sum(root(bytes)),
    plain: (bytes) => named(root(bytes)),
  };
}

function capnpTs(value) {
  const fill = (term, from) => {
    term.setOperation(tsTypes.Operation[from.operation.toUpperCase()]);
    if (from.left.which === "value") term.getLeft().setValue(from.left.value);
    else fill(term.getLeft().initTerm(), from.left.term);
    if (from.right.which === "value") term.getRight().setValue(from.right.value);
    else fill(term.getRight().initTerm(), from.right.term);
  };
  const sum = (term) => {
    const [left, right] = [term.getLeft(), term.getRight()];
    let total = 1 + term.getOperation();
    total += left.which() === tsTypes.Term_Left.VALUE ? left.getValue() : 1000 + sum(left.getTerm());
    total += right.which() === tsTypes.Term_Right.VALUE ? right.getValue() : 2000 + sum(right.getTerm());
    return total;
  };
  const named = (term) => ({ operation: OPERATIONS[term.getOperation()], left: namedOperand(term.getLeft()), right: namedOperand(term.getRight()) });
  const namedOperand = (operand) =>
    operand.which() === 0 ? { which: "value", value: operand.getValue() } : { which: "term", term: named(operand.getTerm()) };
  const root = (bytes) => new ts.Message(bytes, false).getRoot(tsTypes.Term);
  return {
    name: "capnp-ts",
    encode() {
      const message = new ts.Message();
      fill(message.initRoot(tsTypes.Term), value);
      return new Uint8Array(message.toArrayBuffer());
    },
    sum: (bytes) => sum(root(bytes)),
    plain: (bytes) => named(root(bytes)),
  };
}
