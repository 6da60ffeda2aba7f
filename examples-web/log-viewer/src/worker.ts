import { errorText } from "../../shared/format.js";
import { type Block, Log, makeUp, type Wanted } from "./log.js";

/** What the page wants. Work that is wanted later ends what was under way; blocks are read meanwhile. */
export type Order =
  | { readonly kind: "open"; readonly file: Blob }
  | { readonly kind: "make"; readonly rows: number }
  | { readonly kind: "search"; readonly wanted: Wanted }
  | { readonly kind: "stop" }
  | { readonly kind: "block"; readonly row: number };

/** An order or what came of it, with the number of the order: the page may have changed its mind by the time that it hears. */
export type Numbered<Message> = Message & { readonly number: number };

/** What the page is told. */
export type News =
  | { readonly kind: "progress"; readonly done: number }
  | { readonly kind: "opened"; readonly rows: number; readonly file: Blob }
  | { readonly kind: "found"; readonly rows: Uint32Array<ArrayBuffer> }
  | { readonly kind: "searched" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "block"; readonly row: number; readonly block: Block | undefined; readonly reason: string };

/** Why work ends that is not wanted any more. */
class Unwanted extends Error {}

let log: Log | undefined;
let current = 0;

addEventListener("message", ({ data: order }: MessageEvent<Numbered<Order>>) => {
  if (order.kind === "block") void readBlock(order.row, order.number);
  else void work(order, order.number);
});

async function work(order: Exclude<Order, { kind: "block" }>, number: number): Promise<void> {
  current = number;
  const check = (): void => {
    if (current !== number) throw new Unwanted();
  };
  const tell = (news: News, transfer?: Transferable[]): void => post(news, number, transfer);
  const watch = (done: number): void => {
    check();
    tell({ kind: "progress", done });
  };
  try {
    if (order.kind === "search" && log !== undefined) {
      for await (const rows of log.search(order.wanted, watch)) {
        check();
        tell({ kind: "found", rows }, [rows.buffer]);
      }
      tell({ kind: "searched" });
    }
    if (order.kind === "open" || order.kind === "make") {
      log = undefined;
      const file = order.kind === "open" ? order.file : await makeUp(order.rows, watch);
      const opened = await Log.open(file, watch);
      check();
      log = opened;
      tell({ kind: "opened", rows: log.rows, file });
    }
  } catch (error) {
    if (!(error instanceof Unwanted)) tell({ kind: "failed", reason: errorText(error) });
  }
}

async function readBlock(row: number, number: number): Promise<void> {
  let block: Block | undefined;
  let reason = "";
  try {
    block = await log?.block(row);
  } catch (error) {
    reason = errorText(error);
  }
  post({ kind: "block", row, block, reason }, number);
}

function post(news: News, number: number, transfer: Transferable[] = []): void {
  const numbered: Numbered<News> = { ...news, number };
  (self as unknown as Worker).postMessage(numbered, transfer);
}
