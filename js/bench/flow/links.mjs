// Streams and small calls through shaped lines on real sockets: `npm run bench:flow -- --links`. Capstan over TCP and WebSocket with windows
// that adapt, with a fixed one of 64 KiB, and the `capnp-rpc` crate, natively; Capstan and capnweb from Node. `js/bench/README.md` says more.
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { buildPackage, compileSchemas, root } from "../race-tools.mjs";

const LINKS = ["10/20", "50/100", "200/200", "100/1", "1000/50", "30/300", "500/5"];
const PEERS = {
  adaptive: "capstan, TCP",
  websocket: "capstan, WebSocket",
  fixed: "capstan, 64 KiB window",
  crate: "capnp-rpc crate",
  node: "capstan, Node",
  capnweb: "capnweb, Node",
};
const NODE = ["node", "capnweb"];
/** Once a start may be over, so many seconds are looked at. */
const LOOK_SECONDS = 5;

const text = { type: "string" };
const { values: options } = parseArgs({
  options: { links: { type: "boolean" }, only: text, peers: text, changes: { type: "boolean" }, keep: text, "at-once": text, "as-is": { type: "boolean" } },
});
const links = options.only?.split(",") ?? (options.changes ? [] : LINKS);
const peers = options.peers?.split(",") ?? Object.keys(PEERS);
const kept = options.keep !== undefined && existsSync(options.keep) ? JSON.parse(readFileSync(options.keep, "utf8")) : {};

const target = join(root, "target/links-bench");
const binary = join(target, "links");
if (!options["as-is"]) {
  buildPackage();
  compileSchemas(target, "streams.capnp");
  copyFileSync(linksBench(), binary);
}

const jobs = [];
for (const link of links) {
  for (const peer of peers) {
    const [, rtt] = link.split("/").map(Number);
    const seconds = Math.ceil(startSeconds(rtt) + LOOK_SECONDS);
    for (const streams of peer === "adaptive" ? [1, 2, 4, 8] : [1, 8]) jobs.push({ link, peer, args: { streams, seconds } });
  }
}
if (options.changes) {
  for (const peer of peers) {
    jobs.push({ link: "100/10", peer, args: { streams: 1, seconds: 25, at: 5, "then-rtt": 100 } });
    jobs.push({ link: "100/20", peer, args: { streams: 1, seconds: 14, at: 5, "then-rate": 20 } });
    jobs.push({ link: "50/20", peer, args: { streams: 4, seconds: 9, stop: 3, "go-on": 8 } });
  }
}
const found = new Map();
const left = [...jobs];
await Promise.all(Array.from({ length: Number(options["at-once"] ?? 1) }, work));

console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.versions.node}\n`);
if (links.length > 0) tableOfLinks();
if (options.changes) tableOfChanges();

async function work() {
  for (let job = left.shift(); job !== undefined; job = left.shift()) {
    const { link, peer, args } = job;
    const key = nameOf(job);
    const [rate, rtt] = link.split("/");
    const given = Object.entries({ rate, rtt, peer, chunk: chunkBytes(link), ...args }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const [command, before] = NODE.includes(peer)
      ? [process.execPath, [join(import.meta.dirname, "link-run.mjs"), "--proxy-binary", binary, "--schema", join(target, "ours/streams.capnp.js")]]
      : [binary, []];
    kept[key] ??= JSON.parse((await promisify(execFile)(command, [...before, ...given], { maxBuffer: 1 << 28 })).stdout);
    found.set(key, kept[key]);
    if (options.keep !== undefined) writeFileSync(options.keep, JSON.stringify(kept));
  }
}

function nameOf({ link, peer, args }) {
  return JSON.stringify([link, peer, args]);
}

function tableOfLinks() {
  console.log("| Mbit/s, round trip | one stream | 90 % after | small call beside it, p50 / p99 | beside 8 streams | Jain, 2 / 4 / 8 streams |\n|---|--:|--:|--:|--:|--:|");
  for (const link of links) {
    const [rate, rtt] = link.split("/").map(Number);
    const chunk = (chunkBytes(link) * 8) / rate / 1000;
    const limits = [1.25 * rtt + 2 * chunk, 1.6 * rtt + 4 * chunk, 1.3 * rtt + 3 * chunk, 1.8 * rtt + 6 * chunk].map(millis);
    console.log(`| **${rate}, ${rtt} ms** | ≥ 95 % | ≤ ${8 * rtt + 100} ms | ≤ ${limits[0]} / ${limits[1]} | ≤ ${limits[2]} / ${limits[3]} | ≥ 0.98 |`);
    for (const peer of peers) {
      const runs = jobs.filter((job) => job.link === link && job.peer === peer && !("at" in job.args) && !("stop" in job.args));
      const of = (streams) => found.get(nameOf(runs.find(({ args }) => args.streams === streams)));
      const fair = runs.map(({ args: { streams } }) => (streams === 1 ? undefined : jain(of(streams).bins, rtt).toFixed(3)));
      const share = goodput(of(1).bins, rate, startSeconds(rtt), Infinity);
      const cells = [percent(share), started(of(1).bins, rate, rtt, chunk), calls(of(1), startSeconds(rtt)), calls(of(8), startSeconds(rtt))];
      console.log(`| ${PEERS[peer]} | ${[...cells, fair.filter((figure) => figure !== undefined).join(" / ")].join(" | ")} |`);
    }
  }
}

function tableOfChanges() {
  const of = (link, peer) => {
    const job = jobs.find((job) => job.link === link && job.peer === peer && ("at" in job.args || "stop" in job.args));
    return { ...found.get(nameOf(job)), ...job.args };
  };
  console.log("\n| | round trip 10 → 100 ms at 100 Mbit/s: 90 % again after | share, last 5 s | small call, last 5 s | rate 100 → 20 Mbit/s at 20 ms: 90 % again after | small call as before after | one of four readers stops: what the others get, of before | held for it / its window + 2 chunks |");
  console.log("|---|--:|--:|--:|--:|--:|--:|--:|");
  for (const peer of peers) {
    const route = of("100/10", peer);
    const rate = of("100/20", peer);
    const stop = of("50/20", peer);
    const others = (from, to) => sum(stop.bins.slice(1).flatMap((bins) => bins.slice(from * 100, to * 100))) / (to - from);
    const calm = 1.6 * 20 + (4 * chunkBytes("100/20") * 8) / 20 / 1000;
    const late = rate.calls.findLast(([at, took]) => at > rate.at && took > calm);
    const cells = [
      again(route.bins, 100, route.at),
      percent(goodput(route.bins, 100, route.seconds - 5, Infinity)),
      calls(route, route.seconds - 5),
      again(rate.bins, 20, rate.at),
      late === undefined ? "at once" : `${(late[0] + late[1] / 1000 - rate.at).toFixed(1)} s`,
      percent(others(3.2, 8) / others(1, 3)),
      stop.window === 0 ? "" : `${kib(stop.held)} / ${kib(stop.window + 2 * chunkBytes("50/20"))} KiB`,
    ];
    console.log(`| ${PEERS[peer]} | ${cells.join(" | ")} |`);
  }
}

/** The bytes of all streams in each hundredth of a second. */
function together(bins) {
  return bins[0].map((_, at) => sum(bins.map((each) => each[at])));
}

/** Share of the line in these seconds. */
function goodput(bins, rate, from, to) {
  const seen = together(bins).slice(Math.round(from * 100), Math.round(to * 100));
  return sum(seen) / seen.length / (rate * 1250);
}

/** When nine tenths of the line had been used, for half a round trip, 50 ms or four chunks. */
function started(bins, rate, rtt, chunk) {
  const all = together(bins);
  const span = Math.ceil(Math.max(rtt / 2, 50, 4 * chunk) / 10);
  for (let at = span; at <= all.length; at++) if (sum(all.slice(at - span, at)) >= 0.9 * span * rate * 1250) return `${at * 10} ms`;
  return "never";
}

/** How long after `at` a second began in which nine tenths of the line were used. */
function again(bins, rate, at) {
  const all = together(bins);
  for (let from = Math.round(at * 100); from + 100 <= all.length; from++) {
    if (sum(all.slice(from, from + 100)) >= 0.9 * 100 * rate * 1250) return `${(from / 100 - at).toFixed(1)} s`;
  }
  return "never";
}

function calls({ calls }, from) {
  const took = calls.filter(([at]) => at >= from).map(([, took]) => took).sort((a, b) => a - b);
  return took.length === 0 ? "none" : `${millis(took[Math.floor(took.length / 2)])} / ${millis(took[Math.floor(took.length * 0.99)])}`;
}

/** Jain's index of what the streams got in the seconds after the start. */
function jain(bins, rtt) {
  const from = Math.round(startSeconds(rtt) * 100);
  const got = bins.map((each) => sum(each.slice(from, from + LOOK_SECONDS * 100)));
  return sum(got) ** 2 / (got.length * sum(got.map((bytes) => bytes ** 2)));
}

function startSeconds(rtt) {
  return (8 * rtt + 100) / 1000;
}

/** Short where the line holds little. */
function chunkBytes(link) {
  const [rate, rtt] = link.split("/").map(Number);
  return rate * rtt * 125 < 512 << 10 ? 16 << 10 : 64 << 10;
}

function linksBench() {
  const args = ["bench", "--quiet", "--package", "capstan-interop", "--bench", "links", "--no-run", "--message-format", "json"];
  const built = execFileSync("cargo", args, { cwd: root, maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
  const messages = String(built).trim().split("\n").map((line) => JSON.parse(line));
  return messages.find(({ executable, target }) => executable && target.name === "links").executable;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function millis(time) {
  return time < 10 ? time.toFixed(1) : time.toFixed(0);
}

function kib(bytes) {
  return (bytes / 1024).toFixed(0);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
