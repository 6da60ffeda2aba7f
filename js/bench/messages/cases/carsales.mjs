import avro from "avsc/etc/browser/avsc-types.js";
import * as es from "capnp-es";
import ts from "capnp-ts";
import { build, decode, encode, read, release } from "capstan";
import protobuf from "protobufjs";
import { Lot } from "ours/carsales.capnp.js";
import { own, schemaless } from "../codecs.mjs";
import * as esTypes from "../generated/capnp-es/carsales.js";
import tsTypes from "../generated/capnp-ts/carsales.js";
import { carsales as makeValue } from "../values.mjs";

const PAINTS = ["black", "white", "red", "green", "blue", "cyan", "magenta", "yellow", "silver"];

export function carsales() {
  const value = makeValue();
  return { value, codecs: [ours(value), lazily(value), ...schemaless(value, sum), avsc(value), protobufjs(value), capnpEs(value), capnpTs(value)] };
}

/** Of a plain object; paints are names in some formats and numbers in others. */
function sum(lot) {
  let total = 0;
  for (const car of lot.cars) {
    total += car.maker.length + car.maker.charCodeAt(0) + car.model.length + car.model.charCodeAt(0);
    total += typeof car.paint === "string" ? car.paint.length : car.paint;
    total += car.seats + car.doors + car.lengthMm + car.widthMm + car.heightMm + car.weightKg + car.tankLitres + car.fuelLitres + car.cupHolders;
    for (const wheel of car.wheels) total += wheel.diameterCm + wheel.pressureKpa + (wheel.forSnow ? 1 : 0);
    const engine = car.engine;
    total += engine.horsepower + engine.cylinders + engine.displacementCc + (engine.usesPetrol ? 1 : 0) + (engine.usesElectricity ? 2 : 0);
    total += (car.hasElectricWindows ? 1 : 0) + (car.hasElectricSeats ? 2 : 0) + (car.hasCruiseControl ? 4 : 0) + (car.hasNavigation ? 8 : 0);
  }
  return total;
}

function ours(value) {
  const total = own(sum);
  return { name: "capstan", encode: () => encode(Lot, value), sum: (bytes) => total(decode(Lot, bytes)), plain: (bytes) => decode(Lot, bytes) };
}

/** Builders and views. */
function lazily(value) {
  return {
    name: "capstan, build() and read()",
    encode() {
      const lot = build(Lot);
      const cars = lot.initCars(value.cars.length);
      value.cars.forEach((from, i) => {
        const car = cars.at(i);
        car.maker = from.maker;
        car.model = from.model;
        car.paint = from.paint;
        car.seats = from.seats;
        car.doors = from.doors;
        const wheels = car.initWheels(from.wheels.length);
        from.wheels.forEach((each, i) => {
          const wheel = wheels.at(i);
          wheel.diameterCm = each.diameterCm;
          wheel.pressureKpa = each.pressureKpa;
          wheel.forSnow = each.forSnow;
        });
        car.lengthMm = from.lengthMm;
        car.widthMm = from.widthMm;
        car.heightMm = from.heightMm;
        car.weightKg = from.weightKg;
        const engine = car.initEngine();
        engine.horsepower = from.engine.horsepower;
        engine.cylinders = from.engine.cylinders;
        engine.displacementCc = from.engine.displacementCc;
        engine.usesPetrol = from.engine.usesPetrol;
        engine.usesElectricity = from.engine.usesElectricity;
        car.tankLitres = from.tankLitres;
        car.fuelLitres = from.fuelLitres;
        car.hasElectricWindows = from.hasElectricWindows;
        car.hasElectricSeats = from.hasElectricSeats;
        car.hasCruiseControl = from.hasCruiseControl;
        car.cupHolders = from.cupHolders;
        car.hasNavigation = from.hasNavigation;
      });
      const bytes = encode(lot);
      release(lot);
      return bytes;
    },
    sum(bytes) {
      const lot = read(Lot, bytes);
      const { cars } = lot;
      let total = 0;
      for (let i = 0, n = cars.length; i < n; i++) {
        const car = cars.at(i);
        const [maker, model] = [car.maker, car.model];
        total += maker.length + maker.charCodeAt(0) + model.length + model.charCodeAt(0) + car.paint.length;
        total += car.seats + car.doors + car.lengthMm + car.widthMm + car.heightMm + car.weightKg + car.tankLitres + car.fuelLitres + car.cupHolders;
        const { wheels, engine } = car;
        for (let j = 0, m = wheels.length; j < m; j++) {
          const wheel = wheels.at(j);
          total += wheel.diameterCm + wheel.pressureKpa + (wheel.forSnow ? 1 : 0);
        }
        total += engine.horsepower + engine.cylinders + engine.displacementCc + (engine.usesPetrol ? 1 : 0) + (engine.usesElectricity ? 2 : 0);
        total += (car.hasElectricWindows ? 1 : 0) + (car.hasElectricSeats ? 2 : 0) + (car.hasCruiseControl ? 4 : 0) + (car.hasNavigation ? 8 : 0);
      }
      release(lot);
      return total;
    },
    plain: (bytes) => decode(Lot, bytes),
  };
}

function avsc(value) {
  const wheel = { type: "record", name: "Wheel", fields: [["diameterCm", "int"], ["pressureKpa", "float"], ["forSnow", "boolean"]].map(field) };
  const engine = {
    type: "record",
    name: "Engine",
    fields: [["horsepower", "int"], ["cylinders", "int"], ["displacementCc", "int"], ["usesPetrol", "boolean"], ["usesElectricity", "boolean"]].map(field),
  };
  const car = {
    type: "record",
    name: "Car",
    fields: [
      ["maker", "string"],
      ["model", "string"],
      ["paint", { type: "enum", name: "Paint", symbols: PAINTS }],
      ["seats", "int"],
      ["doors", "int"],
      ["wheels", { type: "array", items: wheel }],
      ["lengthMm", "int"],
      ["widthMm", "int"],
      ["heightMm", "int"],
      ["weightKg", "int"],
      ["engine", engine],
      ["tankLitres", "float"],
      ["fuelLitres", "float"],
      ["hasElectricWindows", "boolean"],
      ["hasElectricSeats", "boolean"],
      ["hasCruiseControl", "boolean"],
      ["cupHolders", "int"],
      ["hasNavigation", "boolean"],
    ].map(field),
  };
  const type = avro.Type.forSchema({ type: "record", name: "Lot", fields: [field(["cars", { type: "array", items: car }])] });
  const total = own(sum);
  return { name: "avsc", encode: () => type.toBuffer(value), sum: (bytes) => total(type.fromBuffer(bytes)), plain: (bytes) => type.fromBuffer(bytes) };
}

function field([name, type]) {
  return { name, type };
}

function protobufjs(value) {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message Lot { repeated Car cars = 1; }
    message Car {
      string maker = 1; string model = 2; Paint paint = 3; uint32 seats = 4; uint32 doors = 5; repeated Wheel wheels = 6;
      uint32 lengthMm = 7; uint32 widthMm = 8; uint32 heightMm = 9; uint32 weightKg = 10; Engine engine = 11;
      float tankLitres = 12; float fuelLitres = 13; bool hasElectricWindows = 14; bool hasElectricSeats = 15; bool hasCruiseControl = 16;
      uint32 cupHolders = 17; bool hasNavigation = 18;
    }
    enum Paint { black = 0; white = 1; red = 2; green = 3; blue = 4; cyan = 5; magenta = 6; yellow = 7; silver = 8; }
    message Wheel { uint32 diameterCm = 1; float pressureKpa = 2; bool forSnow = 3; }
    message Engine { uint32 horsepower = 1; uint32 cylinders = 2; uint32 displacementCc = 3; bool usesPetrol = 4; bool usesElectricity = 5; }
  `);
  const type = root.lookupType("Lot");
  // Its enums are numbers.
  const numbered = { cars: value.cars.map((car) => ({ ...car, paint: PAINTS.indexOf(car.paint) })) };
  const total = own(sum);
  return {
    name: "protobufjs",
    encode: () => type.encode(numbered).finish(),
    sum: (bytes) => total(type.decode(bytes)),
    plain: (bytes) => ({ cars: type.toObject(type.decode(bytes), { defaults: true }).cars.map(named) }),
  };
}

function named(car) {
  return { ...car, paint: PAINTS[car.paint] };
}

function capnpEs(value) {
  return {
    name: "capnp-es",
    encode() {
      const message = new es.Message();
      const cars = message.initRoot(esTypes.Lot)._initCars(value.cars.length);
      value.cars.forEach((from, i) => {
        const car = cars.get(i);
        car.maker = from.maker;
        car.model = from.model;
        car.paint = esTypes.Paint[from.paint.toUpperCase()];
        car.seats = from.seats;
        car.doors = from.doors;
        const wheels = car._initWheels(from.wheels.length);
        from.wheels.forEach((each, i) => {
          const wheel = wheels.get(i);
          wheel.diameterCm = each.diameterCm;
          wheel.pressureKpa = each.pressureKpa;
          wheel.forSnow = each.forSnow;
        });
        car.lengthMm = from.lengthMm;
        car.widthMm = from.widthMm;
        car.heightMm = from.heightMm;
        car.weightKg = from.weightKg;
        const engine = car._initEngine();
        engine.horsepower = from.engine.horsepower;
        engine.cylinders = from.engine.cylinders;
        engine.displacementCc = from.engine.displacementCc;
        engine.usesPetrol = from.engine.usesPetrol;
        engine.usesElectricity = from.engine.usesElectricity;
        car.tankLitres = from.tankLitres;
        car.fuelLitres = from.fuelLitres;
        car.hasElectricWindows = from.hasElectricWindows;
        car.hasElectricSeats = from.hasElectricSeats;
        car.hasCruiseControl = from.hasCruiseControl;
        car.cupHolders = from.cupHolders;
        car.hasNavigation = from.hasNavigation;
      });
      return new Uint8Array(message.toArrayBuffer());
    },
    sum(bytes) {
      const cars = new es.Message(bytes, false).getRoot(esTypes.Lot).cars;
      let total = 0;
      for (let i = 0, n = cars.length; i < n; i++) {
        const car = cars.get(i);
        const [maker, model] = [car.maker, car.model];
        total += maker.length + maker.charCodeAt(0) + model.length + model.charCodeAt(0) + car.paint;
        total += car.seats + car.doors + car.lengthMm + car.widthMm + car.heightMm + car.weightKg + car.tankLitres + car.fuelLitres + car.cupHolders;
        const wheels = car.wheels;
        for (let j = 0, m = wheels.length; j < m; j++) {
          const wheel = wheels.get(j);
          total += wheel.diameterCm + wheel.pressureKpa + (wheel.forSnow ? 1 : 0);
        }
        const engine = car.engine;
        total += engine.horsepower + engine.cylinders + engine.displacementCc + (engine.usesPetrol ? 1 : 0) + (engine.usesElectricity ? 2 : 0);
        total += (car.hasElectricWindows ? 1 : 0) + (car.hasElectricSeats ? 2 : 0) + (car.hasCruiseControl ? 4 : 0) + (car.hasNavigation ? 8 : 0);
      }
      return total;
    },
    plain(bytes) {
      const { cars } = new es.Message(bytes, false).getRoot(esTypes.Lot);
      return {
        cars: Array.from({ length: cars.length }, (_, i) => {
          const { maker, model, paint, seats, doors, wheels, lengthMm, widthMm, heightMm, weightKg, engine, tankLitres, fuelLitres, hasElectricWindows, hasElectricSeats, hasCruiseControl, cupHolders, hasNavigation } = cars.get(i);
          const car = { maker, model, paint, seats, doors, lengthMm, widthMm, heightMm, weightKg, engine, tankLitres, fuelLitres, hasElectricWindows, hasElectricSeats, hasCruiseControl, cupHolders, hasNavigation };
          return named({ ...car, wheels: Array.from({ length: wheels.length }, (_, i) => wheels.get(i)) });
        }),
      };
    },
  };
}

function capnpTs(value) {
  return {
    name: "capnp-ts",
    encode() {
      const message = new ts.Message();
      const cars = message.initRoot(tsTypes.Lot).initCars(value.cars.length);
      value.cars.forEach((from, i) => {
        const car = cars.get(i);
        car.setMaker(from.maker);
        car.setModel(from.model);
        car.setPaint(tsTypes.Paint[from.paint.toUpperCase()]);
        car.setSeats(from.seats);
        car.setDoors(from.doors);
        const wheels = car.initWheels(from.wheels.length);
        from.wheels.forEach((each, i) => {
          const wheel = wheels.get(i);
          wheel.setDiameterCm(each.diameterCm);
          wheel.setPressureKpa(each.pressureKpa);
          wheel.setForSnow(each.forSnow);
        });
        car.setLengthMm(from.lengthMm);
        car.setWidthMm(from.widthMm);
        car.setHeightMm(from.heightMm);
        car.setWeightKg(from.weightKg);
        const engine = car.initEngine();
        engine.setHorsepower(from.engine.horsepower);
        engine.setCylinders(from.engine.cylinders);
        engine.setDisplacementCc(from.engine.displacementCc);
        engine.setUsesPetrol(from.engine.usesPetrol);
        engine.setUsesElectricity(from.engine.usesElectricity);
        car.setTankLitres(from.tankLitres);
        car.setFuelLitres(from.fuelLitres);
        car.setHasElectricWindows(from.hasElectricWindows);
        car.setHasElectricSeats(from.hasElectricSeats);
        car.setHasCruiseControl(from.hasCruiseControl);
        car.setCupHolders(from.cupHolders);
        car.setHasNavigation(from.hasNavigation);
      });
      return new Uint8Array(message.toArrayBuffer());
    },
    sum(bytes) {
      const cars = new ts.Message(bytes, false).getRoot(tsTypes.Lot).getCars();
      let total = 0;
      for (let i = 0, n = cars.getLength(); i < n; i++) {
        const car = cars.get(i);
        const [maker, model] = [car.getMaker(), car.getModel()];
        total += maker.length + maker.charCodeAt(0) + model.length + model.charCodeAt(0) + car.getPaint();
        total += car.getSeats() + car.getDoors() + car.getLengthMm() + car.getWidthMm() + car.getHeightMm() + car.getWeightKg();
        total += car.getTankLitres() + car.getFuelLitres() + car.getCupHolders();
        const wheels = car.getWheels();
        for (let j = 0, m = wheels.getLength(); j < m; j++) {
          const wheel = wheels.get(j);
          total += wheel.getDiameterCm() + wheel.getPressureKpa() + (wheel.getForSnow() ? 1 : 0);
        }
        const engine = car.getEngine();
        total += engine.getHorsepower() + engine.getCylinders() + engine.getDisplacementCc() + (engine.getUsesPetrol() ? 1 : 0) + (engine.getUsesElectricity() ? 2 : 0);
        total += (car.getHasElectricWindows() ? 1 : 0) + (car.getHasElectricSeats() ? 2 : 0) + (car.getHasCruiseControl() ? 4 : 0) + (car.getHasNavigation() ? 8 : 0);
      }
      return total;
    },
    plain(bytes) {
      const cars = new ts.Message(bytes, false).getRoot(tsTypes.Lot).getCars();
      return {
        cars: Array.from({ length: cars.getLength() }, (_, i) => {
          const car = cars.get(i);
          const engine = car.getEngine();
          const wheels = car.getWheels();
          return named({
            maker: car.getMaker(),
            model: car.getModel(),
            paint: car.getPaint(),
            seats: car.getSeats(),
            doors: car.getDoors(),
            wheels: Array.from({ length: wheels.getLength() }, (_, i) => {
              const wheel = wheels.get(i);
              return { diameterCm: wheel.getDiameterCm(), pressureKpa: wheel.getPressureKpa(), forSnow: wheel.getForSnow() };
            }),
            lengthMm: car.getLengthMm(),
            widthMm: car.getWidthMm(),
            heightMm: car.getHeightMm(),
            weightKg: car.getWeightKg(),
            engine: {
              horsepower: engine.getHorsepower(),
              cylinders: engine.getCylinders(),
              displacementCc: engine.getDisplacementCc(),
              usesPetrol: engine.getUsesPetrol(),
              usesElectricity: engine.getUsesElectricity(),
            },
            tankLitres: car.getTankLitres(),
            fuelLitres: car.getFuelLitres(),
            hasElectricWindows: car.getHasElectricWindows(),
            hasElectricSeats: car.getHasElectricSeats(),
            hasCruiseControl: car.getHasCruiseControl(),
            cupHolders: car.getCupHolders(),
            hasNavigation: car.getHasNavigation(),
          });
        }),
      };
    },
  };
}
