import { wasm } from "../messages/memory.js";
import { Codec } from "./codec.js";

/** Codecs that nobody closed. A stream that is dropped half-way has no end at which to do so. */
const abandoned = /* @__PURE__ */ new FinalizationRegistry((id: number) => wasm.codec_close(id));

/** A codec for a stream: it may be forgotten, and may be closed twice. */
export class StreamCodec extends Codec {
  constructor(unpacks: boolean) {
    super(unpacks);
    abandoned.register(this, this.id, this);
  }

  override close(): void {
    if (abandoned.unregister(this)) super.close();
  }
}
