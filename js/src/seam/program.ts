import { seam_register } from "../../wasm/capstan_web.js";
import type { LayoutItem, StructDescriptor, StructInfo } from "./descriptor.js";

/** Programs that wasm knows. They are numbered from 1 in the order in which they are sent. */
let registered = 0;

/** The number of a type's layout program; sends it, and those of the types it refers to, when it is asked for first. */
export function programOf(type: StructDescriptor): number {
  const info = type.$;
  if (info.program === 0) register(info);
  return info.program;
}

function register(root: StructInfo): void {
  const batch: StructInfo[] = [];
  const items: number[] = [];
  const numberOf = (info: StructInfo): number => {
    if (info.program === 0) {
      batch.push(info);
      info.program = registered + batch.length;
    }
    return info.program;
  };
  try {
    numberOf(root);
    // The batch grows while it is gone through.
    for (const info of batch) {
      const layout = info.layout().map((item: LayoutItem) => (typeof item === "number" ? item : numberOf(item.$)));
      items.push(info.dataWords, layout.length, ...layout);
    }
    if (seam_register(Uint32Array.from(items)) !== registered + batch.length) {
      throw new Error(`the layout of ${root.name} is malformed: was it generated for another version of Capstan?`);
    }
    registered += batch.length;
  } catch (error) {
    for (const info of batch) info.program = 0;
    throw error;
  }
}
