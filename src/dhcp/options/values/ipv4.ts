/** IPv4 addresses: one, several, and pairs. */

import { assert } from "../../../assert.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../../net/ipv4.ts";
import { type Codec, isMapping, malformed, parseItems, present } from "../codec.ts";

/** Reads four octets; the caller has checked the length. */
export function ipv4At(bytes: Uint8Array, offset: number): Ipv4 {
  return (((bytes[offset] as number) << 24) | ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number)) >>> 0;
}

/** Writes four octets. */
export function putIpv4(bytes: Uint8Array, offset: number, address: Ipv4): void {
  bytes[offset] = address >>> 24;
  bytes[offset + 1] = address >>> 16;
  bytes[offset + 2] = address >>> 8;
  bytes[offset + 3] = address;
}

const asAddress = (input: unknown): Ipv4 | undefined => typeof input === "string" ? parseIpv4(input) : undefined;

/** Exactly one address. */
export const ipv4: Codec<Ipv4> = {
  shape: "IPv4 address",
  wanted: "an IPv4 address, such as 192.0.2.1",
  decode: (bytes, code) => bytes.length === 4 ? present(ipv4At(bytes, 0)) : malformed(code, "badLength"),
  encode(address) {
    const bytes = new Uint8Array(4);
    putIpv4(bytes, 0, address);
    return bytes;
  },
  parse(input) {
    const address = asAddress(input);
    return address === undefined ? { ok: false, found: input } : { ok: true, value: address };
  },
  format: formatIpv4,
  hosts: (address) => [address],
};

function listOf(min: number): Codec<Ipv4[]> {
  return {
    shape: "IPv4 addresses",
    wanted: "IPv4 addresses, such as [192.0.2.1, 192.0.2.2]",
    decode(bytes, code) {
      if (bytes.length < 4 * min || bytes.length % 4 !== 0) return malformed(code, "badLength");
      const addresses: Ipv4[] = [];
      for (let offset = 0; offset < bytes.length; offset += 4) addresses.push(ipv4At(bytes, offset));
      return present(addresses);
    },
    encode(addresses) {
      assert(addresses.length >= min, `At least ${min} address(es) are needed`);
      const bytes = new Uint8Array(4 * addresses.length);
      for (const [index, address] of addresses.entries()) putIpv4(bytes, 4 * index, address);
      return bytes;
    },
    parse(input) {
      if (min === 0 && Array.isArray(input) && input.length === 0) return { ok: true, value: [] };
      return parseItems(input, asAddress);
    },
    format: (addresses) => addresses.map(formatIpv4).join(", "),
    hosts: (addresses) => addresses,
  };
}

/** One or more addresses, in order of preference. */
export const ipv4List: Codec<Ipv4[]> = listOf(1);

/** RFC 2132 §8.13 and RFC 4388 §6.1 allow none at all. */
export const ipv4ListOrNone: Codec<Ipv4[]> = listOf(0);

/** Pairs of an address and a mask, or of a destination and its router, as configuration names them. */
export function ipv4PairList(first: string, second: "mask" | "router"): Codec<[Ipv4, Ipv4][]> {
  return {
    shape: `pairs of IPv4 addresses (${first}, ${second})`,
    wanted: `pairs, such as [{ ${first}: 192.0.2.1, ${second}: 192.0.2.254 }]`,
    decode(bytes, code) {
      if (bytes.length === 0 || bytes.length % 8 !== 0) return malformed(code, "badLength");
      const pairs: [Ipv4, Ipv4][] = [];
      for (let offset = 0; offset < bytes.length; offset += 8) {
        pairs.push([ipv4At(bytes, offset), ipv4At(bytes, offset + 4)]);
      }
      return present(pairs);
    },
    encode(pairs) {
      assert(pairs.length > 0, "At least one pair is needed");
      const bytes = new Uint8Array(8 * pairs.length);
      for (const [index, [left, right]] of pairs.entries()) {
        putIpv4(bytes, 8 * index, left);
        putIpv4(bytes, 8 * index + 4, right);
      }
      return bytes;
    },
    parse: (input) =>
      parseItems(input, (item) => {
        if (!isMapping(item) || Object.keys(item).length !== 2) return undefined;
        const left = asAddress(item[first]);
        const right = asAddress(item[second]);
        return left === undefined || right === undefined ? undefined : [left, right] as [Ipv4, Ipv4];
      }),
    format: (pairs) => pairs.map(([left, right]) => `${formatIpv4(left)} ${formatIpv4(right)}`).join(", "),
    hosts: (pairs) => second === "router" ? pairs.map(([, router]) => router) : [],
  };
}
