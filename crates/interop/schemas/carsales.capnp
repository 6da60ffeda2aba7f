@0x9f3a6c1d2b7e4051;
# Cars on a lot: many small structs, of every kind of scalar, with little text.

struct Lot {
  cars @0 :List(Car);
}

struct Car {
  maker @0 :Text;
  model @1 :Text;
  paint @2 :Paint;
  seats @3 :UInt8;
  doors @4 :UInt8;
  wheels @5 :List(Wheel);
  lengthMm @6 :UInt16;
  widthMm @7 :UInt16;
  heightMm @8 :UInt16;
  weightKg @9 :UInt32;
  engine @10 :Engine;
  tankLitres @11 :Float32;
  fuelLitres @12 :Float32;
  hasElectricWindows @13 :Bool;
  hasElectricSeats @14 :Bool;
  hasCruiseControl @15 :Bool;
  cupHolders @16 :UInt8;
  hasNavigation @17 :Bool;
}

enum Paint { black @0; white @1; red @2; green @3; blue @4; cyan @5; magenta @6; yellow @7; silver @8; }

struct Wheel {
  diameterCm @0 :UInt16;
  pressureKpa @1 :Float32;
  forSnow @2 :Bool;
}

struct Engine {
  horsepower @0 :UInt16;
  cylinders @1 :UInt8;
  displacementCc @2 :UInt32;
  usesPetrol @3 :Bool;
  usesElectricity @4 :Bool;
}

struct Price {
  amount @0 :UInt64;
}
