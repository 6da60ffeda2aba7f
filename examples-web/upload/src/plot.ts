/** A line of a plot: one value per look, in the order of the looks; gaps where nothing is known. */
export interface Series {
  /** The custom property with its colour. */
  readonly colour: string;
  readonly kind: "area" | "dashed";
}

interface Look {
  /** Milliseconds on the page's clock. */
  readonly at: number;
  readonly values: readonly (number | undefined)[];
}

const SPAN_MS = 10_000;

/** Draws values over the last ten seconds, from zero up to the highest of them. */
export class Plot {
  readonly #canvas: HTMLCanvasElement;
  readonly #series: readonly Series[];
  readonly #label: (value: number) => string;
  #looks: Look[] = [];

  /** `label` is what the plot's upper end is called. */
  constructor(canvas: HTMLCanvasElement, series: readonly Series[], label: (value: number) => string) {
    this.#canvas = canvas;
    this.#series = series;
    this.#label = label;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  clear(): void {
    this.#looks = [];
    this.#draw();
  }

  /** `text` is what the plot shows now, for those who do not see it. */
  add(at: number, values: readonly (number | undefined)[], text: string): void {
    this.#looks.push({ at, values });
    // One look before the span stays, so that the lines reach the left edge.
    const firstInside = this.#looks.findIndex((look) => look.at >= at - SPAN_MS);
    if (firstInside > 1) this.#looks.splice(0, firstInside - 1);
    this.#canvas.ariaLabel = text;
    this.#draw();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d");
    if (context === null || width === 0) return;
    context.scale(scale, scale);
    const style = getComputedStyle(this.#canvas);
    const colour = (name: string): string => style.getPropertyValue(name);
    context.strokeStyle = colour("--line");
    context.strokeRect(0.5, 0.5, width - 1, height - 1);

    const last = this.#looks.at(-1);
    const highest = Math.max(...this.#looks.flatMap(({ values }) => values.filter((value) => value !== undefined)), 0);
    if (last === undefined || highest === 0) return;
    const top = highest * 1.15;
    const bottom = height - 1;
    const x = (look: Look): number => width + ((look.at - last.at) / SPAN_MS) * width;
    const y = (value: number): number => bottom - (value / top) * (height - 2);
    for (const [index, { kind, colour: name }] of this.#series.entries()) {
      const known = this.#looks.flatMap((look) => {
        const value = look.values[index];
        return value === undefined ? [] : [{ x: x(look), y: y(value) }];
      });
      const [first] = known;
      const end = known.at(-1);
      if (first === undefined || end === undefined) continue;
      const line = new Path2D();
      for (const point of known) line.lineTo(point.x, point.y);
      if (kind === "area") {
        const area = new Path2D(line);
        area.lineTo(end.x, bottom);
        area.lineTo(first.x, bottom);
        context.fillStyle = colour(name);
        context.globalAlpha = 0.2;
        context.fill(area);
        context.globalAlpha = 1;
      }
      context.setLineDash(kind === "dashed" ? [6, 4] : []);
      context.lineWidth = 2;
      context.strokeStyle = colour(name);
      context.stroke(line);
    }
    context.fillStyle = colour("--soft");
    context.font = "0.75rem system-ui, sans-serif";
    context.fillText(this.#label(top), 6, 15);
  }
}
