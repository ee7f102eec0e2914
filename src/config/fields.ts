/** Fields for the values networks are made of: addresses, prefixes, ranges, bytes, ports, names. */

import { fromHex } from "../bytes/hex.ts";
import {
  BROADCAST,
  formatPrefix,
  type Ipv4,
  networkOf,
  parseIpv4,
  parsePrefix,
  parseRange,
  type Prefix,
  prefixOf,
  type Range,
} from "../net/ipv4.ts";
import { type Field, field, integer, textField } from "./field.ts";

/** Any IPv4 address, as a number. */
export function ipv4(): Field<Ipv4> {
  return textField({ noun: "an IPv4 address", example: "10.77.0.1" }, parseIpv4);
}

const FIRST_MULTICAST = 0xe0000000;
const LAST_MULTICAST = 0xefffffff;

/** An address that one host can have: not 0.0.0.0/8, multicast, reserved or broadcast. */
export function hostAddress(): Field<Ipv4> {
  return textField({ noun: "the IPv4 address of a host", example: "10.77.0.1" }, readHostAddress);
}

/** What {@link hostAddress} reads; undefined when the text is none. */
export function readHostAddress(text: string): Ipv4 | undefined {
  const address = parseIpv4(text);
  return address !== undefined && address > 0x00ffffff && address < FIRST_MULTICAST ? address : undefined;
}

/** An address to listen on: 0.0.0.0 means all of this host's. */
export function listenAddress(): Field<Ipv4> {
  return textField({ noun: "an IPv4 address to listen on", example: "127.0.0.1 (0.0.0.0: all)" }, (text) => {
    const address = parseIpv4(text);
    return address !== undefined && address < FIRST_MULTICAST && address !== BROADCAST ? address : undefined;
  });
}

/** A multicast group, or `off`. */
export function multicastGroup(): Field<Ipv4 | "off"> {
  const wanted = { noun: 'a multicast address or "off"', example: "239.255.67.67" };
  return field<Ipv4 | "off">(wanted, (input) => {
    if (input === "off" || input === false) return { value: "off" };
    const address = typeof input === "string" ? parseIpv4(input) : undefined;
    if (address !== undefined && address >= FIRST_MULTICAST && address <= LAST_MULTICAST) return { value: address };
    return { problem: `is not ${wanted.noun}; take one from 239.0.0.0/8 such as ${wanted.example}` };
  });
}

/** A prefix `address/length` without host bits. */
export function prefix(): Field<Prefix> {
  const wanted = { noun: "a network (address/length)", example: "10.77.0.0/16" };
  return field(wanted, (input) => {
    const value = typeof input === "string" ? parsePrefix(input) : undefined;
    if (value !== undefined) return { value };
    const network = typeof input === "string" ? networkOf(input) : undefined;
    if (network !== undefined) {
      return { problem: `is an address within a network; write the network: ${formatPrefix(network)}` };
    }
    return { problem: `is not ${wanted.noun}; write one such as ${wanted.example}` };
  });
}

/** A host or a network that datagrams come from, as a prefix. */
export function source(): Field<Prefix> {
  return textField(
    { noun: "an IPv4 address or network (address/length)", example: "10.77.0.1 or 10.77.0.0/16" },
    (text) => {
      const address = parseIpv4(text);
      return address === undefined ? parsePrefix(text) : prefixOf(address, 32);
    },
  );
}

/** A range `first-last`, both included. */
export function range(): Field<Range> {
  return textField({ noun: "a range of IPv4 addresses (first-last)", example: "10.77.1.0-10.77.1.255" }, parseRange);
}

const ETHERNET_OCTETS = 6;

/** An Ethernet hardware address. */
export function hardwareAddress(): Field<Uint8Array> {
  return textField({ noun: "a hardware address of 6 octets", example: '"02:00:00:00:00:01"' }, readHardware);
}

/** What {@link hardwareAddress} reads; undefined when the text is none. */
export function readHardware(text: string): Uint8Array | undefined {
  const bytes = fromHex(text);
  return bytes?.length === ETHERNET_OCTETS ? bytes : undefined;
}

/** Bytes in hexadecimal text, at least one. */
export function hexBytes(limits: { octetsMax: number }): Field<Uint8Array> {
  const noun = `1 to ${limits.octetsMax} octets in hexadecimal`;
  return textField({ noun, example: '"0x00636f6e66"' }, (text) => readHexBytes(text, limits));
}

/** What {@link hexBytes} reads; undefined when the text is none. */
export function readHexBytes(text: string, { octetsMax }: { octetsMax: number }): Uint8Array | undefined {
  const bytes = fromHex(text);
  return bytes !== undefined && bytes.length > 0 && bytes.length <= octetsMax ? bytes : undefined;
}

/** Bytes given as text, which stands for its UTF-8, or as hexadecimal after `0x`. */
export function textOrHexBytes(limits: { octetsMax: number }): Field<Uint8Array> {
  const noun = `text, or hexadecimal after 0x, of 1 to ${limits.octetsMax} octets`;
  return textField({ noun, example: '"site-7" or "0x0102ff"' }, (text) => readTextOrHexBytes(text, limits));
}

/** What {@link textOrHexBytes} reads; undefined when the text is none. */
export function readTextOrHexBytes(text: string, limits: { octetsMax: number }): Uint8Array | undefined {
  if (text.startsWith("0x")) return readHexBytes(text, limits);
  const bytes = new TextEncoder().encode(text);
  return bytes.length > 0 && bytes.length <= limits.octetsMax ? bytes : undefined;
}

/** A UDP or TCP port. */
export function port(): Field<number> {
  return integer({ min: 1, max: 65535, example: 67 });
}

/** The name of a network interface, as Linux allows it (`dev_valid_name`). */
export function interfaceName(): Field<string> {
  return textField(
    { noun: "an interface name of 1 to 15 characters", example: "lan0" },
    (text) => /^[^\s/:\p{Cc}]{1,15}$/u.test(text) && text !== "." && text !== ".." ? text : undefined,
  );
}

/** The name of a host (RFC 1123 §2.1), without a port. */
export function hostName(): Field<string> {
  return textField(
    { noun: "a host name", example: "dhcp1.example.net" },
    (text) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(text) ? text : undefined,
  );
}

/** A path in the file system. */
export function filePath(): Field<string> {
  return textField(
    { noun: "a path", example: "/var/lib/dhcpcluster" },
    (text) => text !== "" && !text.includes("\0") ? text : undefined,
  );
}

/** An http or https address. */
export function httpUrl(): Field<string> {
  return textField({ noun: "an http address", example: '"http://10.99.0.11:8067/readyz"' }, (text) => {
    const url = URL.parse(text);
    return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "" ? url.href : undefined;
  });
}
