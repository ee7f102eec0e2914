/** Service Location Protocol (RFC 2610): a "mandatory" octet in front of addresses or of text. */

import type { Ipv4 } from "../../../net/ipv4.ts";
import { type Codec, isMapping, malformed, type OptionValue, type Parsed, present } from "../codec.ts";
import { ipv4List } from "./ipv4.ts";
import { text } from "./text.ts";

/** A list that the client must use as it is when `mandatory`, and may add to otherwise. */
interface Slp<T> {
  readonly mandatory: boolean;
  readonly value: T;
}

function mandatoryAnd<T>(key: string, example: string, inner: Codec<T>): Codec<Slp<T>> {
  return {
    shape: `mandatory or not, then ${inner.shape}`,
    wanted: `of the form { mandatory: false, ${key}: ${example} }`,
    decode(bytes, code): OptionValue<Slp<T>> {
      if (bytes.length === 0) return malformed(code, "badLength");
      if ((bytes[0] as number) > 1) return malformed(code, "badValue");
      const read = inner.decode(bytes.subarray(1), code);
      if (read.kind === "present") return present({ mandatory: bytes[0] === 1, value: read.value });
      return { kind: "malformed", error: { ...read.error, offset: read.error.offset + 1 } };
    },
    encode({ mandatory, value }) {
      const rest = inner.encode(value);
      const bytes = new Uint8Array(1 + rest.length);
      bytes[0] = mandatory ? 1 : 0;
      bytes.set(rest, 1);
      return bytes;
    },
    parse(input): Parsed<Slp<T>> {
      if (!isMapping(input) || typeof input.mandatory !== "boolean" || Object.keys(input).length !== 2) {
        return { ok: false, found: input };
      }
      const value = inner.parse(input[key]);
      return value.ok ? { ok: true, value: { mandatory: input.mandatory, value: value.value } } : value;
    },
    format: ({ mandatory, value }) => `${inner.format(value)}${mandatory ? " (mandatory)" : ""}`,
    hosts: ({ value }) => inner.hosts?.(value) ?? [],
  };
}

/** RFC 2610 §3: directory agents. */
export const slpDirectoryAgents: Codec<Slp<Ipv4[]>> = mandatoryAnd("addresses", "[192.0.2.1]", ipv4List);

/** RFC 2610 §4: scopes, a comma-separated list. */
export const slpServiceScope: Codec<Slp<string>> = mandatoryAnd("scopes", "sales,office", text);
