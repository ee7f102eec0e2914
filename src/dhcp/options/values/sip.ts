/** SIP servers (RFC 3361): by name or by address, never both; the first octet says which. */

import { formatIpv4, type Ipv4 } from "../../../net/ipv4.ts";
import { type Codec, itemsOf, malformed, type OptionValue, present } from "../codec.ts";
import { domainNames } from "./domain_names.ts";
import { ipv4List } from "./ipv4.ts";

/** RFC 3361 §3, the `enc` octet. */
const ENCODING_NAMES = 0;
const ENCODING_ADDRESSES = 1;

/** The two encodings. */
export type SipServers =
  | { readonly kind: "names"; readonly names: string[] }
  | { readonly kind: "addresses"; readonly addresses: Ipv4[] };

// RFC 3361 §3.1 makes receivers understand compression, but clients count pointers from different octets: send none.
const names = domainNames({ compress: false });

function prefixed(encoding: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + rest.length);
  bytes[0] = encoding;
  bytes.set(rest, 1);
  return bytes;
}

/** The offset of an error inside `rest`, counted from the start of the whole value. */
function shifted<T>(read: OptionValue<T>): OptionValue<T> {
  if (read.kind === "present") return read;
  return { kind: "malformed", error: { ...read.error, offset: read.error.offset + 1 } };
}

/** Names or addresses of outbound proxies, in order of preference. */
export const sip: Codec<SipServers> = {
  shape: "IPv4 addresses or domain names",
  wanted: "all IPv4 addresses or all domain names, such as [sip1.example.net, sip2.example.net]",
  decode(bytes, code) {
    if (bytes.length === 0) return malformed(code, "badLength");
    const rest = bytes.subarray(1);
    if (bytes[0] === ENCODING_NAMES) {
      const read = shifted(names.decode(rest, code));
      return read.kind === "present" ? present({ kind: "names", names: read.value }) : read;
    }
    if (bytes[0] === ENCODING_ADDRESSES) {
      const read = shifted(ipv4List.decode(rest, code));
      return read.kind === "present" ? present({ kind: "addresses", addresses: read.value }) : read;
    }
    return malformed(code, "badValue");
  },
  encode: (value) =>
    value.kind === "names"
      ? prefixed(ENCODING_NAMES, names.encode(value.names))
      : prefixed(ENCODING_ADDRESSES, ipv4List.encode(value.addresses)),
  parse(input) {
    const addresses = ipv4List.parse(input);
    if (addresses.ok) return { ok: true, value: { kind: "addresses", addresses: addresses.value } };
    // A name of digits only is a mistyped address.
    const slip = itemsOf(input).find((item) => typeof item === "string" && /^[\d.]+$/.test(item));
    if (slip !== undefined) return { ok: false, found: input };
    const list = names.parse(input);
    return list.ok ? { ok: true, value: { kind: "names", names: list.value } } : list;
  },
  format: (value) => value.kind === "names" ? names.format(value.names) : value.addresses.map(formatIpv4).join(", "),
  hosts: (value) => value.kind === "names" ? [] : value.addresses,
};
