// What it costs to look at a little of a large message, and what single accesses cost.
import { build, decode, encode, init, read, release } from "capstan";
import { race } from "../messages/contest.mjs";
import { Lot } from "ours/carsales.capnp.js";
import { carsales } from "../messages/values.mjs";

const MEBIBYTE = 1024 * 1024;
const ACCESSES = 1000;

/** Microseconds by name, and the sizes of what was read. */
export async function run({ wasm, rounds = 30 }) {
  await init({ messages: wasm });
  const lot = manyCars();
  const bytes = encode(Lot, lot);
  const json = JSON.stringify(lot);
  const text = new TextEncoder().encode(json);
  const utf8 = new TextDecoder();
  const [first, last] = [7, lot.cars.length - 1];
  const three = ({ cars }) => cars[first].seats + cars[last].engine.horsepower + cars[last].model.length;
  const expected = three(lot);
  const few = {
    "read(), three fields, release()": () => {
      const view = read(Lot, bytes);
      const { cars } = view;
      const sum = cars.at(first).seats + cars.at(last).engine.horsepower + cars.at(last).model.length;
      release(view);
      return sum;
    },
    "JSON.parse() of a string": () => three(JSON.parse(json)),
    "JSON.parse() of bytes": () => three(JSON.parse(utf8.decode(text))),
    "decode()": () => three(decode(Lot, bytes)),
  };
  for (const [name, once] of Object.entries(few)) if (once() !== expected) throw new Error(`${name} reads something else`);

  const view = read(Lot, bytes);
  const car = view.cars.at(first);
  const repeat = (access) => () => {
    let sum = 0;
    for (let i = 0; i < ACCESSES; i++) sum += access();
    return sum;
  };
  const builder = build(Lot);
  const built = builder.initCars(1).at(0);
  const single = {
    "a small message: read(), release()": repeat(smallMessage()),
    "a UInt8": repeat(() => car.seats),
    "an enum": repeat(() => car.paint.length),
    "a Text of 5 bytes or so": repeat(() => car.maker.length),
    "a struct": repeat(() => (car.engine ? 1 : 0)),
    "an element of a list": repeat(() => (view.cars.at(first) ? 1 : 0)),
    "setting a UInt8": repeat(() => (built.seats = 4)),
    "setting a Text": repeat(() => (built.maker = "Toyota").length),
  };
  const contest = (runs) => race(Object.entries(runs).map(([name, run]) => ({ name, run })), rounds);
  return {
    sizes: { bytes: bytes.length, json: text.length },
    few: contest(few),
    single: Object.fromEntries(Object.entries(contest(single)).map(([name, micros]) => [name, (micros / ACCESSES) * 1000])),
  };
}

function manyCars() {
  const cars = [];
  let bytes = 0;
  while (bytes < MEBIBYTE) {
    cars.push(...carsales().cars);
    bytes = encode(Lot, { cars }).length;
  }
  return { cars };
}

function smallMessage() {
  const bytes = encode(Lot, { cars: [{ seats: 4 }] });
  return () => {
    const view = read(Lot, bytes);
    release(view);
    return 1;
  };
}
