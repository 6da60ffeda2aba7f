import { runAuto } from "./auto.js";
import { runBench } from "./bench.js";
import { showPage } from "./page.js";

const query = new URLSearchParams(location.search);
const number = (name: string): number | undefined => {
  const value = Number(query.get(name));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
};

const page = showPage();
if (query.has("bench")) {
  void runBench({ bytes: number("bytes"), chunkBytes: number("chunk"), rounds: number("rounds"), windowBytes: number("window") });
} else if (query.has("auto")) {
  void runAuto(page, number("chunk"));
}
