import { connect, readable } from "capstan";
import { bytesText, errorText } from "../../shared/format.js";
import { element, rpcUrl, say, takeFiles } from "../../shared/page.js";
import { ByteSink, Logs } from "../log.capnp.js";
import { Rows, timeText } from "./rows.js";
import type { News, Numbered, Order } from "./worker.js";

const MILLION = 1_000_000;
const FROM_SERVER = 100_000;

const status = element("status");
const progress = element<HTMLProgressElement>("progress");
const stop = element<HTMLButtonElement>("stop");
const save = element<HTMLAnchorElement>("save");
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

/** The log that is shown. */
let name = "";
let count = 0;
/** What has been found, where something was looked for. */
let found: Uint32Array<ArrayBuffer> | undefined;
let foundCount = 0;
/** Whether that is what was done last. */
let isSearch = false;
let fetching: AbortController | undefined;
/** Of the last order, and of the one by which the log came. */
let lastNumber = 0;
let logNumber = 0;

const rows = new Rows(element("rows"), {
  ask: (row) => worker.postMessage({ kind: "block", row, number: logNumber } satisfies Numbered<Order>),
  choose(row, entry) {
    const text = row === undefined ? "" : entry === undefined ? "…" : `Row ${(row + 1).toLocaleString("en")}, ${timeText(entry.time)}, ${entry.level}, ${entry.source}: ${entry.text}`;
    if (element("details").textContent !== text) element("details").textContent = text;
  },
});

worker.addEventListener("message", ({ data: news }: MessageEvent<Numbered<News>>) => {
  if (news.number !== (news.kind === "block" ? logNumber : lastNumber)) return;
  switch (news.kind) {
    case "progress":
      if (!progress.hidden) progress.value = news.done;
      break;
    case "opened":
      opened(news.rows, news.file);
      break;
    case "found":
      if (found === undefined) break;
      found.set(news.rows, foundCount);
      foundCount += news.rows.length;
      rows.grow(foundCount);
      element("log-title").textContent = `${name}: ${foundCount.toLocaleString("en")} of ${rowsText(count)}`;
      break;
    case "searched":
      done(foundCount === 0 ? "No row has that." : `${rowsText(foundCount)} found.`, "good");
      break;
    case "failed":
      done(news.reason, "bad");
      break;
    case "block":
      if (news.block !== undefined) rows.take(news.row, news.block);
      else rows.refuse(news.row, news.reason);
  }
});
worker.addEventListener("error", (event) => done(`The worker failed: ${event.message}`, "bad"));

/** Work that takes a while, and ends what was under way. */
function order(what: Order): void {
  worker.postMessage({ ...what, number: ++lastNumber } satisfies Numbered<Order>);
}

/** Something that takes a while has begun. */
function begin(text: string): void {
  fetching?.abort();
  fetching = undefined;
  say(status, text);
  progress.hidden = false;
  progress.value = 0;
  stop.hidden = false;
}

function done(text: string, mood: "" | "good" | "bad"): void {
  const hadFocus = document.activeElement === stop;
  say(status, text, mood);
  progress.hidden = true;
  stop.hidden = true;
  if (hadFocus) (element("log").hidden ? element("make") : element("rows")).focus();
}

/** Begins with another log, by that order. */
function openBy(what: Order, called: string, text: string): void {
  name = called;
  isSearch = false;
  element("log").hidden = true;
  save.hidden = true;
  URL.revokeObjectURL(save.href);
  begin(text);
  order(what);
}

function open(file: Blob, called: string): void {
  openBy({ kind: "open", file }, called, "Looking where rows begin…");
}

function opened(all: number, file: Blob): void {
  count = all;
  found = undefined;
  logNumber = lastNumber;
  element("log").hidden = false;
  element("log-title").textContent = `${name}: ${rowsText(count)}`;
  rows.reset();
  rows.show(count);
  if (!(file instanceof File)) {
    save.href = URL.createObjectURL(file);
    save.hidden = false;
  }
  done(`Opened ${bytesText(file.size)} with ${rowsText(count)}.`, "good");
  element("rows").focus();
}

function search(): void {
  const text = element<HTMLInputElement>("query").value;
  const level = Number(element<HTMLSelectElement>("level").value);
  if (text === "" && level === 0) {
    order({ kind: "stop" });
    found = undefined;
    isSearch = false;
    rows.show(count);
    element("log-title").textContent = `${name}: ${rowsText(count)}`;
    done("All rows are shown.", "");
    return;
  }
  isSearch = true;
  found = new Uint32Array(count);
  foundCount = 0;
  rows.show(0, found);
  begin("Searching…");
  order({ kind: "search", wanted: { text, level } });
}

/** Gets a log as a stream of its bytes. */
async function getFromServer(): Promise<void> {
  begin("Getting a log from the server…");
  isSearch = false;
  progress.removeAttribute("value");
  order({ kind: "stop" });
  const controller = new AbortController();
  fetching = controller;
  try {
    await using connection = await connect(rpcUrl());
    controller.signal.addEventListener("abort", () => void connection.close());
    const logs = connection.bootstrap(Logs);
    const file = await new Response(readable(ByteSink, (into) => logs.send({ rows: FROM_SERVER, into }))).blob();
    if (fetching === controller) open(file, "The server’s log");
  } catch (error) {
    if (fetching === controller) done(`The log could not be got: ${errorText(error)}`, "bad");
  }
}

function rowsText(number: number): string {
  return number === 1 ? "1 row" : `${number.toLocaleString("en")} rows`;
}

takeFiles(element<HTMLInputElement>("picker"), element("drop"), (file) => open(file, file.name));
element("make").addEventListener("click", () => openBy({ kind: "make", rows: MILLION }, "The made-up log", "Making a log up…"));
element("ask").addEventListener("click", () => void getFromServer());
element("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
stop.addEventListener("click", () => {
  fetching?.abort();
  fetching = undefined;
  order({ kind: "stop" });
  done(isSearch ? `Stopped; ${rowsText(foundCount)} found until then.` : "Stopped.", "");
});
