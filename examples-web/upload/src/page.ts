import { bytesText, errorText, millisText } from "../../shared/format.js";
import { element, say, takeFiles } from "../../shared/page.js";
import { sha256 } from "./hash.js";
import { Plot } from "./plot.js";
import { type ServerUpload, serverPace, serverUploads, setServerPace } from "./server.js";
import { type Progress, upload, type Uploaded, type UploadOptions } from "./upload.js";

/** What the automatic run needs of the page. */
export interface Page {
  /** Sends a file and shows it; fails as the upload does. */
  send(file: File, options?: Pick<UploadOptions, "onProgress" | "chunkBytes">): Promise<Uploaded>;
}

/** The slider's range, in bytes per second; its right end stands for no limit. */
const SLOWEST = 50e3;
const FASTEST = 200e6;
const ASK_SERVER_EVERY_MS = 250;
/** A server that did not answer. */
const ASK_AGAIN_MS = 1000;

/** Brings the page to life. */
export function showPage(): Page {
  const transfer = new Transfer();
  const picker = element<HTMLInputElement>("picker");
  let current: AbortController | undefined;

  const send: Page["send"] = async (file, options = {}) => {
    const controller = new AbortController();
    current = controller;
    transfer.start(file);
    try {
      const uploaded = await upload(file, {
        ...options,
        signal: controller.signal,
        onProgress(progress) {
          transfer.show(progress);
          options.onProgress?.(progress);
        },
      });
      transfer.sent(uploaded);
      return uploaded;
    } catch (error) {
      transfer.failed(controller.signal.aborted ? "Cancelled: the server has a part of the file." : errorText(error));
      throw error;
    } finally {
      current = undefined;
    }
  };

  let isBusy = false;
  const sendAndCompare = async (file: File) => {
    if (isBusy) return;
    isBusy = picker.disabled = true;
    const watching = watchServer(transfer);
    // A failure is on the page already.
    const complete = await send(file).then(
      () => true,
      () => false,
    );
    watching.stop();
    if (complete) {
      await transfer.compare(file).catch((error: unknown) => {
        transfer.failed(`Sent, but “${file.name}” could not be compared with what the server has: ${errorText(error)}`);
      });
    }
    await showProgressAtServer(transfer).catch(showNoServer);
    isBusy = picker.disabled = false;
    // The button that had the focus is gone.
    if (document.activeElement === document.body) picker.focus({ preventScroll: true });
  };

  element("cancel").addEventListener("click", () => current?.abort(new Error("cancelled")));
  takeFiles(picker, element("drop"), (file) => void sendAndCompare(file));
  connectSlider();
  showServerUploads().catch(showNoServer);
  return { send };
}

/** The elements with what the plots show in figures. */
const FIGURES = ["in-flight", "window", "largest", "trip", "shortest-trip", "rate", "best-rate"] as const;

/** The card that follows one file. */
class Transfer {
  readonly #bytes = plot("bytes-plot", bytesText);
  readonly #trip = plot("trip-plot", millisText);
  readonly #rate = plot("rate-plot", (rate) => `${bytesText(rate)}/s`);
  #file: File | undefined;
  #recent: Progress[] = [];

  start(file: File): void {
    this.#file = file;
    this.#recent = [];
    for (const each of [this.#bytes, this.#trip, this.#rate]) each.clear();
    element("transfer").hidden = false;
    element("cancel").hidden = false;
    element("hashes").hidden = true;
    element("file-name").textContent = file.name;
    for (const id of [...FIGURES, "server-has"]) element(id).textContent = "–";
    element("amount").textContent = bytesText(file.size);
    element("speed").textContent = "";
    element<HTMLProgressElement>("progress").value = 0;
    say(element("status"), "");
  }

  show(progress: Progress): void {
    const total = this.#file?.size ?? 0;
    const { at, sentBytes, window, inFlight, largest, btlBw, rtProp } = progress;
    const bar = element<HTMLProgressElement>("progress");
    bar.max = Math.max(total, 1);
    bar.value = sentBytes;
    element("amount").textContent = `${bytesText(sentBytes)} of ${bytesText(total)}`;
    this.#recent.push(progress);
    if (this.#recent.length > 10) this.#recent.shift();
    const rate = this.#deliveredPerSecond(progress);
    // By Little's law what is in flight is what arrives in the time that it is under way.
    const trip = rate > 0 && inFlight > 0 ? (1000 * inFlight) / rate : undefined;
    const texts: Record<(typeof FIGURES)[number], string> = {
      "in-flight": bytesText(inFlight),
      window: bytesText(window),
      largest: bytesText(largest),
      trip: trip === undefined ? "–" : millisText(trip),
      "shortest-trip": rtProp === undefined ? "–" : millisText(rtProp),
      rate: `${bytesText(rate)}/s`,
      "best-rate": `${bytesText(btlBw)}/s`,
    };
    for (const id of FIGURES) element(id).textContent = texts[id];
    element("speed").textContent = texts.rate;
    this.#bytes.add(at, [inFlight, window + largest], `${texts["in-flight"]} in flight, against a window of ${texts.window}`);
    this.#trip.add(at, [trip, rtProp], `Round trip ${texts.trip}, the shortest of late ${texts["shortest-trip"]}`);
    this.#rate.add(at, [rate, btlBw || undefined], `${texts.rate} delivered, the most of late ${texts["best-rate"]}`);
  }

  sent({ bytes, seconds }: Uploaded): void {
    const bar = element<HTMLProgressElement>("progress");
    bar.value = bar.max;
    element("cancel").hidden = true;
    element("amount").textContent = `${bytesText(bytes)} in ${seconds.toFixed(2)} s`;
    element("speed").textContent = `${bytesText(bytes / Math.max(seconds, 1e-6))}/s`;
    say(element("status"), "Sent.", "good");
  }

  failed(text: string): void {
    element("cancel").hidden = true;
    say(element("status"), text, "bad");
  }

  /** Whether the server got what we have, by hashing the file once more outside of the timing. */
  async compare(file: File): Promise<void> {
    say(element("status"), "Sent. Computing the SHA-256 here…", "good");
    const here = await sha256(file);
    const there = lastOf(await serverUploads(), file)?.sha256 ?? "unknown";
    element("hash-here").textContent = here;
    element("hash-there").textContent = there;
    element("hashes").hidden = false;
    if (here === there) say(element("status"), "Sent. The two SHA-256 match.", "good");
    else say(element("status"), "The two SHA-256 differ: the server does not have this file.", "bad");
  }

  serverHas(receivedBytes: number): void {
    element("server-has").textContent = bytesText(receivedBytes);
  }

  get file(): File | undefined {
    return this.#file;
  }

  /** Over the last second or so. */
  #deliveredPerSecond(progress: Progress): number {
    const first = this.#recent[0] ?? progress;
    const seconds = (progress.at - first.at) / 1000;
    return seconds > 0 ? (progress.delivered - first.delivered) / seconds : 0;
  }
}

/** Asks the server how much of the current file it has, until stopped. */
function watchServer(transfer: Transfer): { stop(): void } {
  // The upload itself says when the server is gone.
  const timer = setInterval(() => void showProgressAtServer(transfer).catch(() => undefined), ASK_SERVER_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

async function showProgressAtServer(transfer: Transfer): Promise<void> {
  const uploads = await showServerUploads();
  const ours = transfer.file && lastOf(uploads, transfer.file);
  if (ours !== undefined) transfer.serverHas(ours.received);
}

async function showServerUploads(): Promise<readonly ServerUpload[]> {
  const uploads = await serverUploads();
  const states = { receiving: "receiving", done: "complete", partial: "partial" };
  const rows = uploads.toReversed().slice(0, 8).map((one) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = one.name;
    row.insertCell().textContent = `${bytesText(one.received)} of ${bytesText(one.size)}`;
    const state = row.insertCell();
    state.textContent = one.reason === null ? states[one.state] : `${states[one.state]}: ${one.reason}`;
    state.className = { receiving: "", done: "good", partial: "bad" }[one.state];
    return row;
  });
  element("uploads").hidden = rows.length === 0;
  element("no-uploads").hidden = rows.length > 0;
  element("no-uploads").textContent = "Nothing yet.";
  element("uploads").querySelector("tbody")?.replaceChildren(...rows);
  return uploads;
}

let askingAgain: ReturnType<typeof setTimeout> | undefined;

/** The server is gone, and what it had is not known any more; asks until it is back. */
function showNoServer(): void {
  element("uploads").hidden = true;
  element("no-uploads").hidden = false;
  element("no-uploads").textContent = "The server does not answer.";
  clearTimeout(askingAgain);
  askingAgain = setTimeout(() => void showServerUploads().catch(showNoServer), ASK_AGAIN_MS);
}

function lastOf(uploads: readonly ServerUpload[], file: File): ServerUpload | undefined {
  return uploads.findLast(({ name, size }) => name === file.name && size === file.size);
}

/** Slides over powers: each tenth of the way is about twice as fast. */
function connectSlider(): void {
  const slider = element<HTMLInputElement>("pace");
  const shown = element("pace-value");
  const paceAt = (position: number) =>
    position >= 100 ? undefined : SLOWEST * (FASTEST / SLOWEST) ** (position / 100);
  const show = (pace: number | undefined) => {
    const text = pace === undefined ? "as fast as it can" : `${bytesText(pace)}/s`;
    shown.textContent = text;
    slider.ariaValueText = text;
  };
  // One request at a time: of several, the last to arrive need not be the last that was sent.
  let isToTell = false;
  let telling: Promise<void> | undefined;
  const tell = async (): Promise<void> => {
    while (isToTell) {
      isToTell = false;
      await setServerPace(paceAt(slider.valueAsNumber)).catch((error: unknown) => {
        shown.textContent = errorText(error);
      });
    }
  };
  slider.addEventListener("input", () => {
    show(paceAt(slider.valueAsNumber));
    isToTell = true;
    telling ??= tell().finally(() => (telling = undefined));
  });
  serverPace().then(
    (pace) => {
      if (pace !== undefined) {
        slider.valueAsNumber = Math.round((100 * Math.log(pace / SLOWEST)) / Math.log(FASTEST / SLOWEST));
      }
      show(pace);
    },
    (error: unknown) => {
      shown.textContent = errorText(error);
    },
  );
}

/** What is there as an area, and what bounds it as a dashed line. */
function plot(id: string, label: (value: number) => string): Plot {
  const series = [{ kind: "area", colour: "--flight" }, { kind: "dashed", colour: "--window" }] as const;
  return new Plot(element<HTMLCanvasElement>(id), series, label);
}
