/** What is known of one request while expressions about it are evaluated; each field is read once. */

import { toHex } from "../../bytes/hex.ts";
import { formatIpv4, type Ipv4 } from "../../net/ipv4.ts";
import type { Options } from "../message.ts";
import { OPTIONS, readOption } from "../options/mod.ts";
import type { Field, Value } from "./expression.ts";

/** A request, and what the server knows of its client. */
export interface Request {
  readonly message: {
    readonly options: Options;
    readonly htype: number;
    readonly chaddr: Uint8Array;
    readonly ciaddr: Ipv4;
  };
  /** Also of a renewal by unicast, which does not pass the relay. */
  readonly giaddr: Ipv4;
  /** A sub-option of option 82. */
  agent(code: number): Uint8Array | undefined;
  /** Whether the client has a reservation. */
  readonly known: boolean;
}

/** A field is a list if several values of it count. */
type FieldValue = Value | readonly Value[];

/** Fields by number, so that expressions that read the same one share what was read. */
export class FieldNumbers {
  readonly fields: Field[] = [];
  readonly #numbers = new Map<string, number>();

  of(field: Field): number {
    const key = JSON.stringify(field);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.fields.push(field) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}

/** The fields of one request, and the classes that its client is in. */
export class Facts {
  /** 1 by the number of the class. */
  readonly members: Uint8Array;
  readonly #request: Request;
  readonly #fields: readonly Field[];
  readonly #values: FieldValue[];

  constructor(request: Request, { fields }: FieldNumbers, members: Uint8Array) {
    this.#request = request;
    this.#fields = fields;
    this.#values = new Array(fields.length);
    this.members = members;
  }

  /** The value of a field by its number. */
  field(number: number): FieldValue {
    return this.#values[number] ??= read(this.#fields[number] as Field, this.#request);
  }
}

/** A number in the order of the network has six octets at most here: all are exact. */
const NUMBER_OCTETS_MAX = 6;

function read(field: Field, { message, giaddr, agent, known }: Request): FieldValue {
  switch (field.of) {
    case "option":
      return formOf(message.options.get(field.code), field.as);
    case "agent":
      return formOf(agent(field.code), field.as);
    case "hardware":
      return toHex(message.chaddr, ":");
    case "htype":
      return message.htype;
    case "giaddr":
      return formatIpv4(giaddr);
    case "ciaddr":
      return formatIpv4(message.ciaddr);
    case "known":
      return known;
    case "userClasses":
      return userClasses(message.options.get(OPTIONS.userClass.code));
    case "architectures": {
      const value = readOption(message.options, OPTIONS.clientSystem);
      return value.kind === "present" ? value.value : [];
    }
  }
}

function formOf(bytes: Uint8Array | undefined, as: "text" | "hex" | "number" | "exists"): Value {
  switch (as) {
    case "text":
      return bytes === undefined ? "" : latin1(bytes);
    case "hex":
      return bytes === undefined ? "" : toHex(bytes);
    case "number":
      if (bytes === undefined || bytes.length === 0 || bytes.length > NUMBER_OCTETS_MAX) return NaN;
      return bytes.reduce((number, octet) => number * 256 + octet, 0);
    case "exists":
      return bytes !== undefined;
  }
}

/** RFC 3004 §4 wants lengths in front of each class; iPXE and others send bare text, so both readings count. */
function userClasses(bytes: Uint8Array | undefined): readonly string[] {
  if (bytes === undefined) return [];
  const classes = [latin1(bytes)];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + (bytes[at] as number);
    if (end > bytes.length) break;
    classes.push(latin1(bytes.subarray(at + 1, end)));
    at = end;
  }
  return classes;
}

/** An option in several parts (RFC 3396) may have more octets than a call has arguments. */
const PART_OCTETS = 4_096;

function latin1(bytes: Uint8Array): string {
  if (bytes.length <= PART_OCTETS) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = "";
  for (let at = 0; at < bytes.length; at += PART_OCTETS) text += latin1(bytes.subarray(at, at + PART_OCTETS));
  return text;
}
