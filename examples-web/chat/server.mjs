// The chat example's server: node examples-web/chat/server.mjs --assets DIR [--port N]

import { CapnpError, give, init, release, serve } from "capstan";
import { serveExample } from "../shared/server.mjs";
import { Room, Seat } from "./chat.capnp.js";

/** Of names and of what is said, in characters. */
const NAME_MAX = 64;
const TEXT_MAX = 4000;
/** So much of what was said is told to those who join. */
const REMEMBERED = 50;
/** A guest who is so much news behind is asked to leave. */
const BEHIND_MAX = 1000;

/** Who has a seat, in the order in which they came. */
const places = new Set();
const recent = [];

/** Where one guest sits: what they are still to be told, by calls one after the other. */
class Place {
  name;
  #guest;
  #untold = [];
  #isTelling = false;

  constructor(name, guest) {
    this.name = name;
    this.#guest = guest;
  }

  /** Whether the guest keeps up. */
  tell(news) {
    this.#untold.push(news);
    if (!this.#isTelling) void this.#tellAll();
    return this.#untold.length <= BEHIND_MAX;
  }

  async #tellAll() {
    this.#isTelling = true;
    try {
      while (this.#untold.length > 0 && places.has(this)) await this.#guest.hear({ news: this.#untold.shift() });
    } catch {
      // Who cannot be called any more has left.
      this.leave();
    }
    this.#isTelling = false;
  }

  say(text) {
    check("what is said", text, TEXT_MAX);
    if (!places.has(this)) throw new CapnpError("failed", "the room could not reach you any more; join again");
    const news = { who: this.name, which: "said", said: text };
    recent.push(news);
    if (recent.length > REMEMBERED) recent.shift();
    tellAll(news);
  }

  leave() {
    if (!places.delete(this)) return;
    release(this.#guest);
    tellAll({ who: this.name, which: "left" });
  }
}

/** Tells everybody. Who is too far behind leaves, which is news as well. */
function tellAll(news) {
  const behind = [...places].filter((place) => !place.tell(news));
  for (const place of behind) place.leave();
}

/** The name, or one like it when somebody has it. */
function freeName(wanted) {
  const names = new Set([...places].map(({ name }) => name));
  let name = wanted;
  for (let number = 2; names.has(name); number++) name = `${wanted} ${number}`;
  return name;
}

function check(what, text, max) {
  if (text.trim() === "") throw new CapnpError("failed", `${what} cannot be empty`);
  if (text.length > max) throw new CapnpError("failed", `${what} has at most ${max} characters, not ${text.length}`);
}

await init();
const room = serve(Room, {
  join({ name: wanted, guest }) {
    check("a name", wanted, NAME_MAX);
    if (guest === undefined) throw new CapnpError("failed", "there is nobody to tell the news");
    const place = new Place(freeName(wanted.trim()), guest);
    const present = [...places].map(({ name }) => name);
    tellAll({ who: place.name, which: "joined" });
    places.add(place);
    const seat = serve(Seat, {
      say: ({ text }) => place.say(text),
      // Nobody has the seat any more: a connection that is lost lets go of all it had.
      [Symbol.dispose]: () => place.leave(),
    });
    return { seat: give(seat), name: place.name, present, recent };
  },
});
await serveExample({ path: "/chat/rpc", bootstrap: room });
