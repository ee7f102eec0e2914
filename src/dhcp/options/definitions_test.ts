import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { toHex } from "../../bytes/hex.ts";
import { parseOptionValue } from "./configure.ts";
import {
  DefinedOptions,
  encodeSubOptions,
  enterpriseOf,
  type OptionDefinition,
  type SubOption,
} from "./definitions.ts";

type Type = Pick<OptionDefinition, "type"> & Partial<OptionDefinition>;

/** What a configured value of a type comes to, in hexadecimal, or why it is none. */
function value(type: Type, input: unknown): string {
  const options = new DefinedOptions([{ name: "x", code: 224, array: false, ...type }]);
  const place = options.find("x");
  if (place === undefined) return "no option";
  const parsed = parseOptionValue(place.spec, input);
  return parsed.ok ? toHex(parsed.bytes) : parsed.message;
}

Deno.test("definitions: values of each type", () => {
  for (
    const [type, input, expected] of [
      ["binary", "0x0102", "0102"],
      ["boolean", true, "01"],
      ["empty", true, ""],
      ["fqdn", "a.example", "01610765" + "78616d706c65" + "00"],
      ["int8", -2, "fe"],
      ["int16", -2, "fffe"],
      ["int32", -2, "fffffffe"],
      ["ipv4-address", "10.0.0.1", "0a000001"],
      ["string", "a,b", "612c62"],
      ["uint8", 7, "07"],
      ["uint16", 7, "0007"],
      ["uint32", 7, "00000007"],
      ["uint32", "0x00000008", "00000008"],
      ["uint8", 256, "must be a whole number from 0 to 255: is 256"],
      ["uint16", "0x01", 'must be a whole number from 0 to 65535: is "0x01"'],
      ["ipv4-address", ["10.0.0.1"], 'must be an IPv4 address, such as 192.0.2.1: is ["10.0.0.1"]'],
    ] as const
  ) strictEqual(value({ type }, input), expected, `${type} ${input}`);
});

Deno.test("definitions: arrays, and records, of which the last field may repeat", () => {
  const addresses = { type: "ipv4-address", array: true } as const;
  strictEqual(value(addresses, ["10.0.0.1", "10.0.0.2"]), "0a0000010a000002");
  strictEqual(value(addresses, "10.0.0.1, 10.0.0.2"), "0a0000010a000002");
  strictEqual(value(addresses, "0x0a0000010a000002"), "0a0000010a000002");
  strictEqual(value(addresses, "0x0a00000102").startsWith("must be values of type ipv4-address"), true);
  const record = { type: "record", recordTypes: ["uint8", "ipv4-address", "string"] } as const;
  strictEqual(value(record, [1, "10.0.0.1", "7"]), "010a00000137");
  strictEqual(value(record, "1, 10.0.0.1, 7"), "010a00000137", "as Kea writes it");
  strictEqual(value(record, [1, "10.0.0.1"]), 'must be a list of (uint8, ipv4-address, string): is [1,"10.0.0.1"]');
  strictEqual(value(record, [1, "10.0.0.1", "x", "y"]), 'must be a list of (uint8, ipv4-address, string): is "y"');
  const list = { type: "record", recordTypes: ["uint8", "uint16"], array: true } as const;
  strictEqual(value(list, [1, 2, 3]), "0100020003");
  strictEqual(value(list, "0x0100020003"), "0100020003");
  strictEqual(value(list, "0x01000200").startsWith("must be"), true);
});

function parts(option: number, ...all: readonly [string, number, number[]][]): SubOption[] {
  return all.map(([space, code, octets]) => ({ option, space, code, bytes: Uint8Array.from(octets) }));
}

Deno.test("definitions: sub-options of one space add up; in option 43 another space replaces them", () => {
  deepStrictEqual(
    toHex(encodeSubOptions(43, parts(43, ["unifi", 1, [7]], ["unifi", 2, [8, 9]], ["unifi", 1, [6]]))),
    "010106" + "02020809",
  );
  deepStrictEqual(
    toHex(encodeSubOptions(43, parts(43, ["", 6, [8]], ["unifi", 1, [7]], ["pxe", 9, [1]], ["", 10, [2]]))),
    "090101" + "0a0102",
  );
  deepStrictEqual(
    toHex(encodeSubOptions(125, parts(125, ["vendor-4491", 2, [1]], ["vendor-9", 1, [3]], ["vendor-4491", 3, [2]]))),
    "0000118b" + "06" + "020101" + "030102" + "00000009" + "03" + "010103",
  );
  const long = parts(125, ["vendor-9", 1, Array(200).fill(1)], ["vendor-9", 2, Array(200).fill(2)]);
  deepStrictEqual(encodeSubOptions(125, long).length, 2 * (4 + 1 + 2 + 200));
});

Deno.test("definitions: keys name options, sub-options by name or code, or nothing", () => {
  const options = new DefinedOptions([
    { name: "own", code: 224, type: "uint8", array: false },
    { name: "controller", code: 1, space: "unifi", type: "ipv4-address", array: false },
    { name: "tftp", code: 2, space: "vendor-4491", type: "ipv4-address", array: true },
  ]);
  const found = (key: string) => {
    const place = options.find(key);
    return place && [place.spec.code, place.within?.option, place.within?.space, place.spec.codec.shape];
  };
  deepStrictEqual(found("own"), [224, undefined, undefined, "of type uint8"]);
  deepStrictEqual(found("routers")?.slice(0, 2), [3, undefined]);
  deepStrictEqual(found("unifi.controller"), [1, 43, "unifi", "of type ipv4-address"]);
  deepStrictEqual(found("unifi.1"), [1, 43, "unifi", "of type ipv4-address"]);
  deepStrictEqual(found("unifi.9"), [9, 43, "unifi", "bytes"]);
  deepStrictEqual(found("vendor-4491.tftp")?.slice(0, 3), [2, 125, "vendor-4491"]);
  deepStrictEqual(found("vendor-9.1")?.slice(0, 3), [1, 125, "vendor-9"]);
  for (const key of ["controller", "unifi.own", "other.1", "unifi.255", "unifi.", ".1", "vendor-0.1", "vendor-9.x"]) {
    strictEqual(found(key), undefined, key);
  }
  deepStrictEqual([enterpriseOf("vendor-4294967295"), enterpriseOf("vendor-4294967296")], [4_294_967_295, undefined]);
});
