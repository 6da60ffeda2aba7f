// The three values that are raced, the same on every run.

const PAINTS = ["black", "white", "red", "green", "blue", "cyan", "magenta", "yellow", "silver"];
const MAKERS = ["Toyota", "GM", "Ford", "Honda", "Tesla"];
const MODELS = ["Camry", "Prius", "Volt", "Accord", "Leaf", "Model S"];
const OPERATIONS = ["add", "subtract", "multiply", "divide", "modulus"];
const WORDS = ["foo ", "bar ", "baz ", "qux ", "quux ", "corge ", "grault ", "garply ", "waldo ", "fred ", "plugh ", "xyzzy ", "thud "];

/** A lot of cars: some 14 KB as a message, nearly all of it numbers. */
export function carsales() {
  const random = generator(1);
  return { cars: Array.from({ length: 117 }, () => car(random)) };
}

function car(random) {
  return {
    maker: random.pick(MAKERS),
    model: random.pick(MODELS),
    paint: random.pick(PAINTS),
    seats: 2 + random.below(6),
    doors: 2 + random.below(3),
    wheels: Array.from({ length: 4 }, () => ({
      diameterCm: 25 + random.below(15),
      pressureKpa: 200 + random.below(50),
      forSnow: random.below(16) === 0,
    })),
    lengthMm: 4000 + random.below(1500),
    widthMm: 1600 + random.below(400),
    heightMm: 1400 + random.below(500),
    weightKg: 1000 + random.below(1000),
    engine: {
      horsepower: 100 * (1 + random.below(4)),
      cylinders: 4 + 2 * random.below(3),
      displacementCc: 800 + random.below(8000),
      usesPetrol: true,
      usesElectricity: random.below(2) === 0,
    },
    tankLitres: 40 + random.below(40),
    fuelLitres: random.below(40),
    hasElectricWindows: random.below(2) === 0,
    hasElectricSeats: random.below(2) === 0,
    hasCruiseControl: random.below(2) === 0,
    cupHolders: random.below(12),
    hasNavigation: random.below(2) === 0,
  };
}

/** A tree of arithmetic: 32 terms, 1 KB as a message. */
export function evaluation() {
  return term(generator(2), 32);
}

function term(random, size) {
  const left = random.below(size);
  return {
    operation: random.pick(OPERATIONS),
    left: operand(random, left),
    right: operand(random, size - 1 - left),
  };
}

function operand(random, size) {
  return size === 0 ? { which: "value", value: 1 + random.below(128) } : { which: "term", term: term(random, size) };
}

/** Search results with so many characters of text. */
export function catrank(characters = 120_000) {
  const random = generator(3);
  const hits = [];
  for (let length = 0; length < characters; ) {
    let url = "http://example.com/";
    for (let i = random.below(100); i > 0; i--) url += String.fromCharCode(97 + random.below(26));
    let snippet = " ";
    for (let i = random.below(20); i > 0; i--) snippet += random.pick(WORDS);
    if (random.below(8) === 0) snippet += "cat ";
    if (random.below(8) === 0) snippet += "dog ";
    for (let i = random.below(20); i > 0; i--) snippet += random.pick(WORDS);
    hits.push({ url, score: 1000 - hits.length, snippet });
    length += url.length + snippet.length;
  }
  return { hits };
}

/** Marsaglia's xorshift. */
function generator(seed) {
  let state = seed * 0x9e3779b1;
  const below = (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  return { below, pick: (list) => list[below(list.length)] };
}
