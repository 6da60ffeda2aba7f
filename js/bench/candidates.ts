import { Writer } from "../src/seam/writer.js";

/** The exports of seam/src/lib.rs. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  report_address(): number;
  nothing(value: number): number;
  begin(dataWords: number, pointers: number): void;
  frame_address(): number;
  commands_room(bytes: number): number;
  replay(bytes: number): number;
  set_u64(at: number, low: number, high: number): void;
  init_bytes(at: number, length: number, isText: number): number;
  init_structs(at: number, count: number, dataWords: number, pointers: number): number;
  get_root(): number;
  get_bytes(at: number): number;
  get_structs(at: number): number;
}

interface Entry {
  name: string;
  size: bigint;
}

type Field = { kind: "u64" | "text" | "data"; name: string; at: number } | { kind: "structs"; name: string; at: number; type: Layout };
interface Layout {
  dataWords: number;
  pointers: number;
  fields: Field[];
}

const ENTRY: Layout = {
  dataWords: 1,
  pointers: 1,
  fields: [
    { kind: "u64", name: "size", at: 0 },
    { kind: "text", name: "name", at: 8 },
  ],
};
const LAYOUTS: Record<string, Layout> = {
  write: { dataWords: 0, pointers: 1, fields: [{ kind: "data", name: "chunk", at: 0 }] },
  create: ENTRY,
  list: { dataWords: 0, pointers: 1, fields: [{ kind: "structs", name: "entries", at: 0, type: ENTRY }] },
};

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The ways that were not taken. */
export class Candidates {
  readonly #wasm: Exports;
  readonly #writer = new Writer();
  readonly #room = new Uint8Array(128 * 1024);
  readonly #roomView = new DataView(this.#room.buffer);
  #u8 = new Uint8Array(0);
  #view = new DataView(this.#u8.buffer);

  constructor(exports: WebAssembly.Exports) {
    this.#wasm = exports as unknown as Exports;
  }

  nothing(): number {
    return this.#wasm.nothing(1);
  }

  /** One loop over a description of the type, instead of code made for the type. */
  interpreted(name: string, value: object): number {
    const writer = this.#writer;
    const layout = LAYOUTS[name] as Layout;
    writer.begin(this.#roomView, this.#room, 0, this.#room.length / 8);
    interpret(writer, writer.struct(writer.root(), layout.dataWords, layout.pointers, value, "value"), value, layout);
    const words = writer.end();
    this.#room.fill(0, 0, words * 8);
    return words;
  }

  /** Everything into a flat buffer, of which Rust makes a message. */
  commands(name: string, value: object): number {
    const start = this.#wasm.commands_room(70_000);
    this.#refresh();
    const layout = LAYOUTS[name] as Layout;
    let at = this.#command(start, 0, layout.dataWords | (layout.pointers << 16));
    if (name === "write") at = this.#bytesCommand(at, 4, (value as { chunk: Uint8Array }).chunk);
    else if (name === "create") at = this.#entryCommands(at, value as Entry);
    else {
      const { entries } = value as { entries: Entry[] };
      at = this.#command(at, 3, entries.length);
      at = this.#command(at, 1 | (1 << 16), 0);
      for (const entry of entries) at = this.#entryCommands(this.#command(at, 5, 0), entry);
    }
    if (this.#wasm.replay(at - start) === 0) throw new Error("a command was not understood");
    return at;
  }

  /** A call into wasm for every field. */
  callPerField(name: string, value: object): void {
    const layout = LAYOUTS[name] as Layout;
    this.#wasm.begin(layout.dataWords, layout.pointers);
    if (name === "write") {
      const { chunk } = value as { chunk: Uint8Array };
      const at = this.#wasm.init_bytes(8, chunk.length, 0);
      this.#refresh();
      this.#u8.set(chunk, at);
    } else if (name === "create") this.#setEntry(8, value as Entry);
    else {
      const { entries } = value as { entries: Entry[] };
      let at = this.#wasm.init_structs(8, entries.length, 1, 1);
      for (const entry of entries) {
        this.#setEntry(at, entry);
        at += 16;
      }
    }
  }

  /** A call into wasm for every pointer of the frame that `callPerField` made. */
  callPerPointer(name: string): object {
    const root = this.#wasm.get_root();
    this.#refresh();
    const base = this.#wasm.frame_address();
    if (name === "write") {
      const at = base + this.#wasm.get_bytes(root);
      return { chunk: this.#u8.slice(at, at + this.#reported(0)) };
    }
    if (name === "create") return this.#getEntry(base, root);
    let at = this.#wasm.get_structs(root);
    const step = this.#reported(1);
    const entries: Entry[] = [];
    for (let left = this.#reported(0); left > 0; left--) {
      entries.push(this.#getEntry(base, at));
      at += step;
    }
    return { entries };
  }

  #setEntry(at: number, entry: Entry): void {
    this.#wasm.set_u64(at, Number(BigInt.asUintN(32, entry.size)), Number(entry.size >> 32n));
    const { length } = entry.name;
    const target = this.#wasm.init_bytes(at + 8, length, 1);
    this.#refresh();
    this.#putText(target, entry.name);
  }

  #getEntry(base: number, at: number): Entry {
    const start = base + this.#wasm.get_bytes(at + 8);
    const text = this.#u8.subarray(start, start + this.#reported(0) - 1);
    return { name: fromUtf8.decode(text), size: this.#view.getBigUint64(base + at, true) };
  }

  #entryCommands(at: number, entry: Entry): number {
    const behind = this.#command(at, 1, 0);
    this.#view.setBigUint64(behind, entry.size, true);
    const text = this.#command(behind + 8, 2 | (8 << 8), entry.name.length);
    return text + this.#putText(text, entry.name);
  }

  #bytesCommand(at: number, code: number, bytes: Uint8Array): number {
    const behind = this.#command(at, code, bytes.length);
    this.#u8.set(bytes, behind);
    return behind + ((bytes.length + 7) & ~7);
  }

  #command(at: number, code: number, argument: number): number {
    this.#view.setUint32(at, code, true);
    this.#view.setUint32(at + 4, argument, true);
    return at + 8;
  }

  /** The bench's text is ASCII. */
  #putText(at: number, text: string): number {
    const { length } = text;
    if (length < 48) for (let i = 0; i < length; i++) this.#u8[at + i] = text.charCodeAt(i);
    else utf8.encodeInto(text, this.#u8.subarray(at, at + length));
    return (length + 7) & ~7;
  }

  #reported(word: number): number {
    return this.#view.getUint32(this.#wasm.report_address() + word * 4, true);
  }

  #refresh(): void {
    if (this.#u8.length !== 0) return;
    this.#u8 = new Uint8Array(this.#wasm.memory.buffer);
    this.#view = new DataView(this.#wasm.memory.buffer);
  }
}

function interpret(writer: Writer, at: number, value: object, layout: Layout): void {
  const values = value as Record<string, unknown>;
  for (const field of layout.fields) {
    const found = values[field.name];
    if (found == null) continue;
    const place = at + field.at;
    switch (field.kind) {
      case "u64":
        writer.u64(place, found as bigint, field.name);
        break;
      case "text":
        writer.text(place, found as string, field.name);
        break;
      case "data":
        writer.data(place, found as Uint8Array, field.name);
        break;
      case "structs": {
        const { dataWords, pointers } = field.type;
        const list = found as object[];
        let element = writer.structs(place, dataWords, pointers, list, field.name);
        for (const each of list) {
          interpret(writer, element, each, field.type);
          element += (dataWords + pointers) * 8;
        }
      }
    }
  }
}
