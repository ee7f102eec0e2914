import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Field } from "./field.ts";
import {
  hardwareAddress,
  hexBytes,
  hostAddress,
  httpUrl,
  interfaceName,
  ipv4,
  listenAddress,
  multicastGroup,
  port,
  prefix,
  range,
  textOrHexBytes,
} from "./fields.ts";

/** Either the value or the message. */
function read(field: Field<unknown>, input: unknown): unknown {
  const result = field.safeParse(input);
  return result.success ? result.data : `! ${result.error.issues[0]?.message}`;
}

Deno.test("ipv4() takes dotted decimal only", () => {
  strictEqual(read(ipv4(), "255.255.255.255"), 0xffffffff);
  for (const input of ["10.0.0", "10.0.0.256", "010.0.0.1", " 10.0.0.1", "::1", "host", "", [], {}]) {
    strictEqual(read(ipv4(), input), "! is not an IPv4 address; write one such as 10.77.0.1");
  }
  strictEqual(
    read(ipv4(), 10.1),
    "! is read as a number; put it in quotes, and let it be an IPv4 address such as 10.77.0.1",
  );
});

Deno.test("hostAddress() and listenAddress() refuse what no socket can use", () => {
  strictEqual(read(hostAddress(), "127.0.0.1"), 0x7f000001);
  for (const input of ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.1.2.3"]) {
    match(String(read(hostAddress(), input)), /^! is not the IPv4 address of a host/);
  }
  strictEqual(read(listenAddress(), "0.0.0.0"), 0);
  match(String(read(listenAddress(), "239.1.1.1")), /^! is not an IPv4 address to listen on/);
});

Deno.test("multicastGroup() takes a group or off", () => {
  strictEqual(read(multicastGroup(), "239.255.67.67"), 0xefff4343);
  strictEqual(read(multicastGroup(), "off"), "off");
  strictEqual(read(multicastGroup(), false), "off", "as YAML 1.1 reads it");
  match(String(read(multicastGroup(), "10.0.0.1")), /^! is not a multicast address or "off"/);
});

Deno.test("prefix() names the network when host bits are set", () => {
  deepStrictEqual(read(prefix(), "10.77.0.0/16"), { address: 0x0a4d0000, prefixLength: 16 });
  strictEqual(read(prefix(), "10.77.4.1/24"), "! is an address within a network; write the network: 10.77.4.0/24");
  for (const input of ["10.77.0.0", "10.77.0.0/33", "10.77.0.0/16/8", "x/8", 10]) {
    strictEqual(read(prefix(), input), "! is not a network (address/length); write one such as 10.77.0.0/16");
  }
});

Deno.test("range() wants both ends in order", () => {
  deepStrictEqual(read(range(), "10.0.0.1 - 10.0.0.9"), { first: 0x0a000001, last: 0x0a000009 });
  match(String(read(range(), "10.0.0.9-10.0.0.1")), /^! is not a range of IPv4 addresses/);
});

Deno.test("hardwareAddress() and hexBytes() count octets", () => {
  deepStrictEqual(read(hardwareAddress(), "02:00:00:00:00:0A"), Uint8Array.of(2, 0, 0, 0, 0, 10));
  match(String(read(hardwareAddress(), "02:00:00:00:00")), /^! is not a hardware address of 6 octets/);
  deepStrictEqual(read(hexBytes({ octetsMax: 2 }), "0x01ff"), Uint8Array.of(1, 255));
  for (const input of ["0x", "", "0x1", "0x010203", "xyz"]) {
    match(String(read(hexBytes({ octetsMax: 2 }), input)), /^! is not 1 to 2 octets in hexadecimal/);
  }
});

Deno.test("textOrHexBytes() reads 0x as hexadecimal and anything else as UTF-8", () => {
  deepStrictEqual(read(textOrHexBytes({ octetsMax: 4 }), "ab"), Uint8Array.of(97, 98));
  deepStrictEqual(read(textOrHexBytes({ octetsMax: 4 }), "0x0aff"), Uint8Array.of(10, 255));
  for (const input of ["", "0x0", "fünf!"]) {
    match(String(read(textOrHexBytes({ octetsMax: 4 }), input)), /^! is not text, or hexadecimal after 0x/);
  }
});

Deno.test("port(), interfaceName() and httpUrl() keep to their formats", () => {
  deepStrictEqual([read(port(), 1), read(port(), 65535)], [1, 65535]);
  strictEqual(read(port(), 65536), "! is too large; write a whole number from 1 to 65535");
  strictEqual(read(interfaceName(), "lan0.17"), "lan0.17");
  for (const input of ["", "..", "a/b", "a b", "0123456789abcdef"]) {
    match(String(read(interfaceName(), input)), /^! is not an interface name/);
  }
  strictEqual(read(httpUrl(), "http://10.0.0.1:8067/readyz"), "http://10.0.0.1:8067/readyz");
  for (const input of ["10.0.0.1:8067", "ftp://10.0.0.1/", "http://"]) {
    match(String(read(httpUrl(), input)), /^! is not an http address/);
  }
});
