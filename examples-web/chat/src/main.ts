import { errorText } from "../../shared/format.js";
import { element, say } from "../../shared/page.js";
import type { News } from "../chat.capnp.js";
import { Stay, type Visitor } from "./stay.js";

/** So many lines stay on the page. */
const LINES_MAX = 500;

const status = element("status");
const nameInput = element<HTMLInputElement>("name");
const textInput = element<HTMLInputElement>("text");
const news = element("news");
let stay: Stay | undefined;
let ownName = "";
let present: string[] = [];

const visitor: Visitor = {
  joined(name, others, recent) {
    const isBack = ownName !== "";
    ownName = name;
    present = [...others, name];
    element("entrance").hidden = true;
    element("room").hidden = false;
    news.replaceChildren();
    for (const one of recent) show(one);
    showPresent();
    say(status, isBack ? `You are back, as ${name}.` : `You are in the room, as ${name}.`, "good");
    // Who comes back may be somewhere else on the page by now.
    if (!isBack) textInput.focus();
  },
  hear(one) {
    if (one.which === "joined") present.push(one.who);
    if (one.which === "left") present = present.filter((name) => name !== one.who);
    showPresent();
    show(one);
  },
  lost(reason, retryMs) {
    present = [];
    showPresent();
    say(status, `The connection was lost: ${reason}. Trying again in ${retryMs / 1000} s…`, "bad");
  },
};

async function join(): Promise<void> {
  const current = new Stay(nameInput.value, visitor);
  stay = current;
  ownName = "";
  say(status, "Connecting…");
  try {
    await current.stay();
    say(status, "You have left.");
  } catch (error) {
    say(status, errorText(error), "bad");
  }
  stay = undefined;
  element("room").hidden = true;
  element("entrance").hidden = false;
  nameInput.focus();
}

function show(one: News): void {
  const line = document.createElement("p");
  if (one.which === "said") {
    const who = document.createElement("b");
    who.textContent = one.who;
    line.append(who, `: ${(one as { said: string }).said}`);
    line.classList.toggle("mine", one.who === ownName);
  } else {
    line.className = "event";
    line.textContent = `${one.who} ${one.which === "joined" ? "came in" : "left"}`;
  }
  const isAtEnd = news.scrollTop + news.clientHeight >= news.scrollHeight - 5;
  news.append(line);
  while (news.childElementCount > LINES_MAX) news.firstElementChild?.remove();
  // Who reads further up is not to be carried away.
  if (isAtEnd) news.scrollTop = news.scrollHeight;
}

function showPresent(): void {
  element("present").textContent = present.length === 0 ? "nobody that we know of" : present.join(", ");
}

element("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  if (stay === undefined) void join();
});
element("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textInput.value;
  stay?.say(text).then(
    () => {
      if (textInput.value === text) textInput.value = "";
    },
    (error: unknown) => say(status, `That was not said: ${errorText(error)}`, "bad"),
  );
});
element("leave").addEventListener("click", () => void stay?.leave());
