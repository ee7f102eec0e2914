/** dnsmasq's options: names, and the encoding of values without a declared type. */

import { fromHex } from "../../../bytes/hex.ts";
import { optionByKey } from "../../../dhcp/options/mod.ts";
import { parseIpv4 } from "../../../net/ipv4.ts";
import { latin1Bytes } from "../../leases/lease.ts";
import { type Encoded, encodeWords, integerOctets, registryType } from "../options.ts";
import type { Setting } from "./lines.ts";
import { own } from "../../own.ts";

/** `dnsmasq --help dhcp`. */
const NAMES: Readonly<Record<string, number>> = {
  ...{ netmask: 1, "time-offset": 2, router: 3, "dns-server": 6, "log-server": 7, "lpr-server": 9, hostname: 12 },
  ...{ "boot-file-size": 13, "domain-name": 15, "swap-server": 16, "root-path": 17, "extension-path": 18 },
  ...{ "ip-forward-enable": 19, "non-local-source-routing": 20, "policy-filter": 21, "max-datagram-reassembly": 22 },
  ...{ "default-ttl": 23, mtu: 26, "all-subnets-local": 27, broadcast: 28, "router-discovery": 31 },
  ...{ "router-solicitation": 32, "static-route": 33, "trailer-encapsulation": 34, "arp-timeout": 35 },
  ...{ "ethernet-encap": 36, "tcp-ttl": 37, "tcp-keepalive": 38, "nis-domain": 40, "nis-server": 41, "ntp-server": 42 },
  ...{ "vendor-encap": 43, "netbios-ns": 44, "netbios-dd": 45, "netbios-nodetype": 46, "netbios-scope": 47 },
  ...{ "x-windows-fs": 48, "x-windows-dm": 49, "requested-address": 50, "lease-time": 51, "server-identifier": 54 },
  ...{ T1: 58, T2: 59, "vendor-class": 60, "client-id": 61, "nis+-domain": 64, "nis+-server": 65, "tftp-server": 66 },
  ...{ "bootfile-name": 67, "mobile-ip-home": 68, "smtp-server": 69, "pop3-server": 70, "nntp-server": 71 },
  ...{ "irc-server": 74, "user-class": 77, "client-arch": 93, "client-interface-id": 94, "client-machine-id": 97 },
  ...{ "posix-timezone": 100, "tzdb-timezone": 101, "ipv6-only": 108, "subnet-select": 118, "domain-search": 119 },
  ...{ "sip-server": 120, "classless-static-route": 121, "vendor-id-encap": 125, "tftp-server-address": 150 },
};

/** Options whose type dnsmasq knows: those with names, and Microsoft's routes. */
const TYPED: ReadonlySet<number> = new Set([...Object.values(NAMES), 249]);
const NEVER_TEXT = /^(?:[ui]\d+|bool|address|pair)$/;

/** The code of `option:name` or a number; undefined when neither. */
export function optionCode(text: string): number | undefined {
  const name = /^option:(.*)$/.exec(text)?.[1];
  if (name !== undefined) return own(NAMES, name);
  const code = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return code >= 1 && code <= 254 ? code : undefined;
}

/** Times in seconds: `90`, `90s`, `45m`, `12h`, `2d`, `1w`, `infinite`; undefined for anything else. */
export function leaseSeconds(text: string): number | undefined {
  if (text === "infinite") return 0xffffffff;
  const match = /^(\d{1,10})([smhdw]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[(match[2] || "s").toLowerCase()] ?? 1;
  return Math.min(Number(match[1]) * unit, 0xffffffff);
}

/** Values as a line has them. */
export interface Given {
  readonly values: readonly string[];
  /** All of them as one text. */
  readonly text: string;
  /** What stands in quotes is text where the option's type leaves it open. */
  readonly isQuoted: boolean;
}

/** The values of a setting from a place on. */
export function givenFrom({ values, spaced, quoted }: Setting, start: number): Given {
  return {
    values: values.slice(start),
    text: spaced.slice(start).join(",").trim(),
    isQuoted: quoted.slice(start).some(Boolean),
  };
}

/** The octets of an option's values. */
export function encodeOption(code: number, given: Given): Encoded {
  const { values, text } = given;
  const spec = optionByKey(String(code));
  if (spec === undefined || !TYPED.has(code)) return encodeGuess(given);
  const type = registryType(spec);
  const [kind] = type.kinds;
  if (kind === "text") return { ok: true, bytes: latin1Bytes(text) };
  if (kind === "hex" || given.isQuoted && NEVER_TEXT.test(kind ?? "")) return encodeGuess(given);
  if (kind === "u32" && [51, 58, 59].includes(code)) {
    const seconds = leaseSeconds(values[0] ?? "");
    return seconds === undefined
      ? { ok: false, problem: "is no time" }
      : { ok: true, bytes: Uint8Array.from(integerOctets(seconds, 4)) };
  }
  return encodeWords(type, values.map((value) => value.replace(/^(\d+)[bsi]$/, "$1")));
}

/** dnsmasq's `parse_opt`: addresses, octets with colons, whole numbers in as few octets as do, else text. */
export function encodeGuess({ values, text, isQuoted }: Given): Encoded {
  if (text === "" || isQuoted) return { ok: true, bytes: latin1Bytes(text) };
  if (values.every((value) => parseIpv4(value) !== undefined)) {
    return encodeWords({ kinds: ["address"], array: true }, values);
  }
  const [value = ""] = values;
  if (values.length === 1) {
    const octets = value.includes(":")
      ? fromHex(value.split(":").map((octet) => octet.padStart(2, "0")).join(":"))
      : undefined;
    if (octets !== undefined) return { ok: true, bytes: octets };
    const number = /^(\d{1,10})([bsi]?)$/.exec(value);
    if (number !== null && Number(number[1]) <= 0xffffffff) {
      return { ok: true, bytes: integer(Number(number[1]), number[2] ?? "") };
    }
  }
  return { ok: true, bytes: latin1Bytes(text) };
}

function integer(value: number, suffix: string): Uint8Array {
  const octets = suffix === "b"
    ? 1
    : suffix === "s"
    ? 2
    : suffix === "i"
    ? 4
    : value > 0xffff
    ? 4
    : value > 0xff
    ? 2
    : 1;
  return Uint8Array.from(integerOctets(value, octets));
}
