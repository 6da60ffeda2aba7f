import { connectTransport, release, whenResolved } from "capstan";
import { errorText } from "../../shared/format.js";
import { element, rpcUrl, say } from "../../shared/page.js";
import { Folder } from "../cabinet.capnp.js";
import { Bars } from "./bars.js";
import { SlowLink } from "./slow-link.js";
import { pipelined, waiting } from "./work.js";

const bars = new Bars();
const status = element("status");
const depth = element<HTMLInputElement>("depth");
const trip = element<HTMLInputElement>("trip");
const start = element<HTMLButtonElement>("start");

/** What one side got, and how often it had to wait for the other end. */
interface Outcome {
  readonly turns: number;
  readonly text: string;
}

/** Does the work over a link of its own. */
async function side(list: "waiting" | "pipelined", path: readonly string[], begin: Promise<void>, ready: () => void): Promise<Outcome> {
  const work = { waiting, pipelined }[list];
  let delay = 0;
  const link = new SlowLink(rpcUrl(), () => delay);
  await link.opened();
  await using connection = await connectTransport(link, { name: "the server" });
  const cabinet = connection.bootstrap(Folder);
  // Connecting takes its time as well, and is no part of what is compared.
  await whenResolved(cabinet);
  ready();
  await begin;
  delay = trip.valueAsNumber / 2;
  // A call that is made after an answer has come is one more time that the whole way is waited for.
  let turns = 0;
  let isAnswered = true;
  const text = await work(cabinet, path, (call) => {
    if (isAnswered) turns++;
    isAnswered = false;
    const answered = bars.add(list, call);
    return () => {
      isAnswered = true;
      answered();
    };
  });
  const ms = bars.elapsed;
  delay = 0;
  release(cabinet);
  element(`${list}-total`).textContent = `${Math.round(ms)} ms, ${roundTrips(turns)}`;
  return { turns, text };
}

async function run(): Promise<void> {
  const path = Array.from({ length: depth.valueAsNumber }, (_, index) => `${index + 1}`);
  start.disabled = true;
  for (const id of ["waiting-total", "pipelined-total"]) element(id).textContent = "";
  say(status, "Connecting, twice…");
  try {
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let connected = 0;
    const ready = (): void => {
      if (++connected < 2) return;
      bars.start("waiting", "pipelined");
      say(status, "Under way…");
      begin();
    };
    const [slow, fast] = await Promise.all([side("waiting", path, begun, ready), side("pipelined", path, begun, ready)]);
    if (slow.text !== fast.text) throw new Error(`the two got different notes, “${slow.text}” and “${fast.text}”`);
    const calls = path.length + 1;
    say(status, `Both got “${fast.text}” by ${calls} calls: ${roundTrips(slow.turns)} with waiting, ${roundTrips(fast.turns)} pipelined.`, "good");
  } catch (error) {
    bars.stop();
    say(status, errorText(error), "bad");
  }
  start.disabled = false;
  start.focus();
}

function roundTrips(turns: number): string {
  return turns === 1 ? "1 round trip" : `${turns} round trips`;
}

function showSettings(): void {
  element("depth-value").textContent = depth.value;
  element("trip-value").textContent = trip.ariaValueText = `${trip.value} ms`;
}

element("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!start.disabled) void run();
});
depth.addEventListener("input", showSettings);
trip.addEventListener("input", showSettings);
showSettings();
