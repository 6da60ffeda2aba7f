import { connect, init, reconnecting } from "capstan";
import { type HttpFetch, httpClient, HttpService } from "capstan/http";
import { bytesText, errorText } from "../../shared/format.js";
import { element, rpcUrl, say } from "../../shared/page.js";

/** More of a body than this is not shown, and what has been shown longest goes. */
const SHOWN_MAX = 200_000;

const status = element("status");
const body = element<HTMLPreElement>("body");
const frame = element<HTMLIFrameElement>("page");
const abort = element<HTMLButtonElement>("abort");
let current: AbortController | undefined;
let client: HttpFetch | undefined;

/** Made with the first request. Connects again when the connection was lost. */
async function theClient(): Promise<HttpFetch> {
  await init();
  client ??= httpClient(reconnecting(() => connect(rpcUrl())).bootstrap(HttpService));
  return client;
}

async function run(path: string): Promise<void> {
  current?.abort();
  const controller = new AbortController();
  const { signal } = controller;
  current = controller;
  abort.disabled = false;
  element("response").hidden = true;
  say(status, "Asking…");
  let received = 0;
  const isCurrent = (): boolean => current === controller;
  try {
    const fetch = await theClient();
    const response = await fetch(path, { signal });
    showHead(response);
    say(status, "The body is coming…");
    const decoder = new TextDecoder();
    let text = "";
    if (response.body !== null) {
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || !isCurrent()) break;
        received += value.length;
        const piece = decoder.decode(value, { stream: true });
        text = (text + piece).slice(-SHOWN_MAX);
        append(piece, text);
        element("amount").textContent = bytesText(received);
      }
    }
    if (!isCurrent()) return;
    showPage(response, text);
    say(status, `Complete: ${bytesText(received)}.`, "good");
  } catch (error) {
    if (!isCurrent()) return;
    if (signal.aborted) say(status, `Aborted after ${bytesText(received)}. The server has stopped as well: fetch /running to see it.`);
    else say(status, errorText(error), "bad");
  }
  current = undefined;
  abort.disabled = true;
  if (document.activeElement === document.body) element("fetch").focus();
}

function showHead(response: Response): void {
  element("response").hidden = false;
  element("response-title").textContent = `${response.status} ${response.statusText}`.trim();
  element("amount").textContent = "";
  const fields = [...response.headers].flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const details = document.createElement("dd");
    term.textContent = name;
    details.textContent = value;
    return [term, details];
  });
  element("headers").replaceChildren(...fields);
  body.textContent = "";
  body.hidden = false;
  frame.hidden = true;
}

function append(piece: string, text: string): void {
  const isAtEnd = body.scrollTop + body.clientHeight >= body.scrollHeight - 5;
  if ((body.textContent?.length ?? 0) > 2 * SHOWN_MAX) body.textContent = text;
  else body.append(piece);
  if (isAtEnd) body.scrollTop = body.scrollHeight;
}

/** A page is shown as one, in a frame that runs no scripts. */
function showPage(response: Response, text: string): void {
  if (!(response.headers.get("content-type") ?? "").startsWith("text/html")) return;
  frame.srcdoc = text;
  frame.hidden = false;
}

element("request").addEventListener("submit", (event) => {
  event.preventDefault();
  void run(element<HTMLInputElement>("path").value);
});
abort.addEventListener("click", () => current?.abort());
