import { element } from "../../shared/page.js";

interface Bar {
  readonly from: number;
  to: number | undefined;
  readonly span: HTMLElement;
  readonly time: HTMLElement;
}

/** A bar for each call of both sides, on one scale of time. */
export class Bars {
  #bars: Bar[] = [];
  #started = 0;
  #drawing: number | undefined;
  readonly #isStill = matchMedia("(prefers-reduced-motion: reduce)");

  /** Empties both sides; time begins now. */
  start(...lists: string[]): void {
    this.#bars = [];
    for (const id of lists) element(id).replaceChildren();
    this.#started = performance.now();
  }

  /** A call has been made. What this returns is called when it is answered. */
  add(list: string, call: string): () => void {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = call;
    const track = document.createElement("span");
    track.className = "track";
    const span = document.createElement("span");
    span.className = "open";
    track.append(span);
    const time = document.createElement("span");
    time.className = "time";
    item.append(name, track, time);
    element(list).append(item);
    const bar: Bar = { from: this.elapsed, to: undefined, span, time };
    this.#bars.push(bar);
    this.#drawing ??= requestAnimationFrame(this.#draw);
    return () => {
      this.#drawing ??= requestAnimationFrame(this.#draw);
      bar.to = this.elapsed;
      span.className = "";
      time.textContent = `${Math.round(bar.to - bar.from)} ms`;
    };
  }

  get elapsed(): number {
    return performance.now() - this.#started;
  }

  readonly #draw = (): void => {
    const now = this.elapsed;
    const isOver = this.#bars.every(({ to }) => to !== undefined);
    const scale = 100 / Math.max(...this.#bars.map(({ to }) => to ?? now), 1);
    for (const { from, to, span } of this.#bars) {
      span.style.left = `${from * scale}%`;
      span.style.width = `${((to ?? now) - from) * scale}%`;
    }
    // Who wants nothing to move sees the bars when something happens.
    this.#drawing = isOver || this.#isStill.matches ? undefined : requestAnimationFrame(this.#draw);
  };

  /** No more will be answered. */
  stop(): void {
    for (const bar of this.#bars) bar.to ??= this.elapsed;
  }
}
