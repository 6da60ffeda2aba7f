import type { InterfaceDescriptor, StructDescriptor, StructInfo } from "./descriptor.js";
import { CAP, type Field, GROUP, STRUCT } from "./fields.js";

/** A field through which capabilities can be reached before the struct has arrived. */
export type PipelineField =
  | { readonly name: string; readonly pointer: number; readonly iface: () => InterfaceDescriptor }
  | { readonly name: string; readonly pointer: number; readonly fields: () => readonly PipelineField[] }
  | { readonly name: string; readonly group: () => readonly PipelineField[] };

export function pipelineOf(type: StructDescriptor): readonly PipelineField[] {
  return routes(type.$.fields());
}

function routes(fields: readonly Field[]): PipelineField[] {
  const found: PipelineField[] = [];
  for (const { name, at: pointer, type, of, fields: inner } of fields) {
    if (type === CAP) {
      found.push({ name, pointer, iface: () => of as InterfaceDescriptor });
    } else if (type === STRUCT && leadsToClients((of as StructDescriptor).$, new Set())) {
      found.push({ name, pointer, fields: () => pipelineOf(of as StructDescriptor) });
    } else if (type === GROUP && inner !== undefined && routes(inner()).length > 0) {
      found.push({ name, group: () => routes(inner()) });
    }
  }
  return found;
}

/** `seen` ends the way through structs that contain themselves, and its size that through ever new generic ones. */
function leadsToClients(info: StructInfo, seen: Set<StructInfo>): boolean {
  if (seen.has(info) || seen.size > 4096) return false;
  seen.add(info);
  const leads = ({ type, of, fields }: Field): boolean =>
    type === CAP || (type === STRUCT ? leadsToClients((of as StructDescriptor).$, seen) : (fields?.().some(leads) ?? false));
  return info.fields().some(leads);
}
