import { errorText } from "../../shared/format.js";
import { sha256 } from "./hash.js";
import type { Page } from "./page.js";
import { Reporter } from "./report.js";
import { demoFile } from "./server.js";
import type { Progress } from "./upload.js";

/** Sends the server's own demo file back to it, telling the terminal how it goes. */
export async function runAuto(page: Page, chunkBytes: number | undefined): Promise<void> {
  const reporter = new Reporter();
  reportFailures(reporter);
  try {
    const file = await demoFile();
    const onProgress = (progress: Progress) => reporter.progress(asReport(progress, file.size));
    const { bytes, seconds } = await page.send(file, { onProgress, chunkBytes });
    const hash = await sha256(file);
    await reporter.finish({ done: true, bytes, seconds, mbps: speed(bytes, seconds), sha256: hash });
  } catch (error) {
    await reporter.finish({ error: errorText(error) });
  }
}

/** Errors that nobody caught end the run as well. */
export function reportFailures(reporter: Reporter): void {
  addEventListener("error", (event) => void reporter.finish({ error: event.message }));
  addEventListener("unhandledrejection", (event) => void reporter.finish({ error: errorText(event.reason) }));
}

/** In 10^6 bytes per second. */
export function speed(bytes: number, seconds: number): number {
  return bytes / 1e6 / Math.max(seconds, 1e-6);
}

function asReport({ sentBytes, inFlight, window, elapsedMs }: Progress, total: number): object {
  const mbps = speed(sentBytes, elapsedMs / 1000);
  return { sent: sentBytes, total, inFlight, window, mbps, elapsedMs };
}
