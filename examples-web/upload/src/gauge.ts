/** One look at a stream. */
export interface Level {
  /** Milliseconds on the page's clock. */
  readonly at: number;
  readonly windowBytes: number;
  /** The largest call in flight; so much more than the window may be in flight, so that any call fits. */
  readonly largestBytes: number;
  readonly inFlightBytes: number;
}

const SPAN_MS = 10_000;

/** Draws bytes in flight against what may be over the last ten seconds. */
export class Gauge {
  readonly #canvas: HTMLCanvasElement;
  #levels: Level[] = [];

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear(): void {
    this.#levels = [];
    this.draw();
  }

  add(level: Level): void {
    this.#levels.push(level);
    // One level before the span stays, so that the line reaches the left edge.
    const start = level.at - SPAN_MS;
    const firstInside = this.#levels.findIndex(({ at }) => at >= start);
    if (firstInside > 1) this.#levels.splice(0, firstInside - 1);
    this.draw();
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d");
    if (context === null || width === 0) return;
    context.scale(scale, scale);

    const style = getComputedStyle(this.#canvas);
    const colour = (name: string) => style.getPropertyValue(name);
    context.strokeStyle = colour("--line");
    context.beginPath();
    context.moveTo(0, height - 0.5);
    context.lineTo(width, height - 0.5);
    context.stroke();

    const last = this.#levels.at(-1);
    if (last === undefined) return;
    const highest = Math.max(...this.#levels.map((level) => Math.max(limit(level), level.inFlightBytes)), 1);
    const x = (level: Level) => width + ((level.at - last.at) / SPAN_MS) * width;
    const y = (bytes: number) => height - 1 - (bytes / (highest * 1.15)) * (height - 2);
    const trace = (bytesOf: (level: Level) => number) => {
      const line = new Path2D();
      for (const level of this.#levels) line.lineTo(x(level), y(bytesOf(level)));
      return line;
    };

    const flight = trace((level) => level.inFlightBytes);
    const area = new Path2D(flight);
    area.lineTo(width, height - 1);
    area.lineTo(x(this.#levels[0] ?? last), height - 1);
    context.fillStyle = colour("--flight");
    context.globalAlpha = 0.2;
    context.fill(area);
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.strokeStyle = colour("--flight");
    context.stroke(flight);
    context.strokeStyle = colour("--window");
    context.setLineDash([6, 4]);
    context.stroke(trace(limit));
  }
}

function limit({ windowBytes, largestBytes }: Level): number {
  return windowBytes + largestBytes;
}
