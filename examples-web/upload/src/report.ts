/** Tells the server's terminal how it goes. Reports never hold up what they report about. */
export class Reporter {
  #outstanding: Promise<unknown> | undefined;
  #finished = false;

  /** Sends `body` unless the last one is still on its way: the next one will be fresher. */
  progress(body: object): void {
    if (this.#outstanding !== undefined || this.#finished) return;
    this.#outstanding = post(body).finally(() => {
      this.#outstanding = undefined;
    });
  }

  /** Sends the last report; later ones are dropped. */
  async finish(body: object): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#outstanding;
    await post(body);
  }
}

async function post(body: object): Promise<void> {
  try {
    await fetch("/report", { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  } catch {
    // The server is gone; the upload itself says so where the person looks.
  }
}
