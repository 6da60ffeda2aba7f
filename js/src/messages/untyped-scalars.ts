import * as types from "../seam/fields.js";
import { live, type OpenMessage } from "./place.js";
import { READS, writeBool, writeScalar } from "./scalars.js";
import type { UntypedScalarsBuilder } from "./untyped-types.js";

/** Scalars of an untyped struct or list. Whether the message can be written to is known at run time only. */
export abstract class Scalars implements UntypedScalarsBuilder {
  protected readonly message: OpenMessage;

  constructor(message: OpenMessage) {
    this.message = message;
  }

  /** Where the scalar is; 0 when there is none. */
  protected abstract locate(at: number, bytes: number): number;
  /** Where the byte with the bit is; 0 when there is none. */
  protected abstract locateBit(at: number): number;

  getBool(at: number): boolean {
    const memory = live(this.message);
    const byte = this.locateBit(at);
    return byte !== 0 && ((memory.getUint8(byte) >> (at & 7)) & 1) !== 0;
  }

  getInt8(at: number): number {
    return this.#get(at, 1, types.I8) as number;
  }

  getUint8(at: number): number {
    return this.#get(at, 1, types.U8) as number;
  }

  getInt16(at: number): number {
    return this.#get(at, 2, types.I16) as number;
  }

  getUint16(at: number): number {
    return this.#get(at, 2, types.U16) as number;
  }

  getInt32(at: number): number {
    return this.#get(at, 4, types.I32) as number;
  }

  getUint32(at: number): number {
    return this.#get(at, 4, types.U32) as number;
  }

  getInt64(at: number): bigint {
    return BigInt(this.#get(at, 8, types.I64) as bigint);
  }

  getUint64(at: number): bigint {
    return BigInt(this.#get(at, 8, types.U64) as bigint);
  }

  getFloat32(at: number): number {
    return this.#get(at, 4, types.F32) as number;
  }

  getFloat64(at: number): number {
    return this.#get(at, 8, types.F64) as number;
  }

  setBool(at: number, value: boolean): void {
    const byte = this.#writable(this.locateBit(at), at);
    writeBool(this.message, byte, at & 7, value, false, "setBool()");
  }

  setInt8(at: number, value: number): void {
    this.#set(at, 1, types.I8, value);
  }

  setUint8(at: number, value: number): void {
    this.#set(at, 1, types.U8, value);
  }

  setInt16(at: number, value: number): void {
    this.#set(at, 2, types.I16, value);
  }

  setUint16(at: number, value: number): void {
    this.#set(at, 2, types.U16, value);
  }

  setInt32(at: number, value: number): void {
    this.#set(at, 4, types.I32, value);
  }

  setUint32(at: number, value: number): void {
    this.#set(at, 4, types.U32, value);
  }

  setInt64(at: number, value: number | bigint): void {
    this.#set(at, 8, types.I64, value);
  }

  setUint64(at: number, value: number | bigint): void {
    this.#set(at, 8, types.U64, value);
  }

  setFloat32(at: number, value: number): void {
    this.#set(at, 4, types.F32, value);
  }

  setFloat64(at: number, value: number): void {
    this.#set(at, 8, types.F64, value);
  }

  #get(at: number, bytes: number, type: number): unknown {
    const memory = live(this.message);
    const place = this.locate(at, bytes);
    return place === 0 ? 0 : READS[type - types.I8]?.(memory, place);
  }

  #set(at: number, bytes: number, type: number, value: unknown): void {
    const place = this.#writable(this.locate(at, bytes), at);
    writeScalar(this.message, place, value, { type }, undefined, `element or field ${at}`);
  }

  #writable(place: number, at: number): number {
    writable(this.message);
    if (place === 0) throw new RangeError(`the struct has no field ${at} that could be set: it was made without`);
    return place;
  }
}

/** Throws unless the message is under construction. */
export function writable(message: OpenMessage): void {
  live(message);
  if (!message.isBuilt) throw new TypeError("the message can only be read: copy it into a MessageBuilder to change it");
}
