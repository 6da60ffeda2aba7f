import type { Entry } from "../log.capnp.js";
import { BLOCK_ROWS } from "./index-of.js";
import type { Block } from "./log.js";

const ROW_HEIGHT = 24;
/** Browsers let nothing be much higher; more rows than fit are scrolled faster. */
const MAX_HEIGHT = 10_000_000;
/** So many blocks stay decoded. */
const KEPT_BLOCKS = 32;
const COLUMNS = ["number", "time", "level", "source", "text"] as const;

/** Where rows come from. */
export interface RowSource {
  /** Asks for the block that a row is in. It comes to `take`, or why it does not to `refuse`. */
  ask(row: number): void;
  /** A row is chosen: all of it, or nothing while it is not known. */
  choose(row: number | undefined, entry: Entry | undefined): void;
}

/** Shows the rows that are on the screen, of as many as there may be. */
export class Rows {
  readonly #grid: HTMLElement;
  readonly #source: RowSource;
  readonly #spacer = document.createElement("div");
  readonly #window = document.createElement("div");
  #count = 0;
  /** The row at each place; without it, all are there. */
  #rowAt: Uint32Array | undefined;
  #chosen = 0;
  /** By the first row; the one that was used last comes last. */
  #blocks = new Map<number, Block>();
  #asked: number | undefined;
  #told: { readonly row: number; readonly entry: Entry } | undefined;
  #failures = new Map<number, string>();
  #isDue = false;

  constructor(grid: HTMLElement, source: RowSource) {
    this.#grid = grid;
    this.#source = source;
    this.#spacer.className = "spacer";
    this.#spacer.role = "presentation";
    this.#window.className = "window";
    this.#window.role = "rowgroup";
    grid.append(this.#window, this.#spacer);
    grid.addEventListener("scroll", () => this.draw());
    grid.addEventListener("keydown", (event) => this.#onKey(event));
    grid.addEventListener("click", (event) => this.#onClick(event));
    new ResizeObserver(() => this.draw()).observe(grid);
  }

  /** Begins with another log. */
  reset(): void {
    this.#blocks.clear();
    this.#failures.clear();
    this.#asked = undefined;
    this.#told = undefined;
    this.show(0);
  }

  /** Shows so many rows, from the first on. */
  show(count: number, rowAt?: Uint32Array): void {
    this.#rowAt = rowAt;
    this.#chosen = 0;
    this.grow(count);
    this.#grid.scrollTop = 0;
  }

  /** There are more rows of the same. */
  grow(count: number): void {
    this.#count = count;
    this.#grid.ariaRowCount = String(count);
    this.#spacer.style.height = `${Math.min(MAX_HEIGHT, count * ROW_HEIGHT)}px`;
    this.draw();
  }

  take(row: number, block: Block): void {
    this.#blocks.set(block.firstRow, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
    this.#answered(row);
  }

  refuse(row: number, reason: string): void {
    this.#failures.set(Math.floor(row / BLOCK_ROWS), reason);
    this.#answered(row);
  }

  /** Draws with the next frame. */
  draw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #answered(row: number): void {
    if (this.#asked === row) this.#asked = undefined;
    this.draw();
  }

  #draw(): void {
    const height = this.#grid.clientHeight;
    const top = this.#top(height);
    const first = Math.floor(top / ROW_HEIGHT);
    const count = Math.max(0, Math.min(this.#count - first, Math.ceil(height / ROW_HEIGHT) + 1));
    while (this.#window.childElementCount > count) this.#window.lastElementChild?.remove();
    while (this.#window.childElementCount < count) this.#window.append(makeRow());
    let missing: number | undefined;
    for (let index = 0; index < count; index++) {
      const place = first + index;
      const row = this.#rowAt?.[place] ?? place;
      const entry = this.#entry(row);
      const failure = this.#failures.get(Math.floor(row / BLOCK_ROWS));
      if (entry === undefined && failure === undefined) missing ??= row;
      const line = this.#window.children[index] as HTMLElement;
      line.style.transform = `translateY(${place * ROW_HEIGHT - top}px)`;
      line.style.height = `${ROW_HEIGHT}px`;
      line.id = `row-${place}`;
      line.ariaRowIndex = String(place + 1);
      line.ariaSelected = String(place === this.#chosen);
      fill(line, row, entry, failure);
      line.classList.toggle("chosen", place === this.#chosen);
    }
    const isOnScreen = this.#chosen >= first && this.#chosen < first + count;
    if (isOnScreen) this.#grid.setAttribute("aria-activedescendant", `row-${this.#chosen}`);
    else this.#grid.removeAttribute("aria-activedescendant");
    this.#tellChosen();
    // What comes next when somebody scrolls on.
    for (const place of [first + 4 * count, first - 3 * count]) {
      const row = this.#rowAt?.[place] ?? place;
      if (place >= 0 && place < this.#count && this.#entry(row) === undefined && !this.#failures.has(Math.floor(row / BLOCK_ROWS))) missing ??= row;
    }
    // One at a time: by the time it is here, another part may be on the screen.
    if (missing !== undefined && this.#asked === undefined) {
      this.#asked = missing;
      this.#source.ask(missing);
    }
  }

  /** The chosen row is known once it has been seen, wherever one scrolls to. */
  #tellChosen(): void {
    const row = this.#count === 0 ? undefined : (this.#rowAt?.[this.#chosen] ?? this.#chosen);
    if (row === undefined || this.#told?.row !== row) this.#told = undefined;
    const entry = row === undefined ? undefined : (this.#told?.entry ?? this.#entry(row));
    if (row !== undefined && entry !== undefined) this.#told = { row, entry };
    this.#source.choose(row, entry);
  }

  /** How far down the screen begins, in pixels of rows. */
  #top(height: number): number {
    const all = this.#count * ROW_HEIGHT - height;
    const range = this.#spacer.offsetHeight - height;
    return range <= 0 ? 0 : Math.max(0, Math.min(all, (this.#grid.scrollTop / range) * all));
  }

  #entry(row: number): Entry | undefined {
    for (const block of this.#blocks.values()) {
      const entry = row < block.firstRow ? undefined : block.entries[row - block.firstRow];
      if (entry === undefined) continue;
      this.#blocks.delete(block.firstRow);
      this.#blocks.set(block.firstRow, block);
      return entry;
    }
    return undefined;
  }

  #choose(place: number): void {
    this.#chosen = Math.max(0, Math.min(this.#count - 1, place));
    const height = this.#grid.clientHeight;
    const at = this.#chosen * ROW_HEIGHT;
    const top = this.#top(height);
    const wanted = Math.min(at, Math.max(top, at + ROW_HEIGHT - height));
    if (wanted !== top) {
      const all = this.#count * ROW_HEIGHT - height;
      this.#grid.scrollTop = (wanted / all) * (this.#spacer.offsetHeight - height);
    }
    this.draw();
  }

  #onKey(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / ROW_HEIGHT) - 1);
    const place = {
      ArrowDown: this.#chosen + 1,
      ArrowUp: this.#chosen - 1,
      PageDown: this.#chosen + page,
      PageUp: this.#chosen - page,
      Home: 0,
      End: this.#count - 1,
    }[event.key];
    if (place === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#choose(place);
  }

  #onClick(event: MouseEvent): void {
    const line = (event.target as Element).closest("[role=row]");
    if (line !== null) this.#choose(Number(line.ariaRowIndex) - 1);
  }
}

function makeRow(): HTMLElement {
  const line = document.createElement("div");
  line.role = "row";
  for (const [index, name] of COLUMNS.entries()) {
    const cell = document.createElement("span");
    cell.role = "gridcell";
    cell.ariaColIndex = String(index + 1);
    cell.className = name;
    line.append(cell);
  }
  return line;
}

function fill(line: HTMLElement, row: number, entry: Entry | undefined, failure: string | undefined): void {
  const unread = failure === undefined ? "…" : `cannot be read: ${failure}`;
  const texts = {
    number: (row + 1).toLocaleString("en"),
    time: entry === undefined ? "" : timeText(entry.time),
    level: entry === undefined ? "" : String(entry.level),
    source: entry?.source ?? "",
    text: entry?.text ?? unread,
  };
  for (const [index, name] of COLUMNS.entries()) {
    const cell = line.children[index] as HTMLElement;
    if (cell.textContent !== texts[name]) cell.textContent = texts[name];
  }
  line.className = texts.level;
}

/** The time as it is usually written, or its number where it is none. */
export function timeText(millis: bigint): string {
  const date = new Date(Number(millis));
  return Number.isNaN(date.getTime()) ? String(millis) : date.toISOString().replace("T", " ").slice(0, 23);
}
