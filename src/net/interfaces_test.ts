import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { findInterface, listInterfaces } from "./interfaces.ts";
import { parseIpv4 } from "./ipv4.ts";

Deno.test({
  name: "findInterface() finds loopback with its address",
  ignore: Deno.build.os !== "linux",
  fn() {
    const lo = findInterface("lo");
    strictEqual(lo?.name, "lo");
    deepStrictEqual(lo.mac, new Uint8Array(6));
    deepStrictEqual(lo.addresses[0], { address: 0x7f000001, prefixLength: 8 });
  },
});

Deno.test("findInterface() returns undefined for an unknown name", () => {
  for (const name of ["", "lan999", "lo\0", "a name that is too long for one"]) {
    strictEqual(findInterface(name), undefined);
  }
});

Deno.test("listInterfaces() has every IPv4 address that Deno lists, and distinct indexes", () => {
  const interfaces = listInterfaces();
  const known = Deno.networkInterfaces().filter(({ family }) => family === "IPv4");
  ok(known.length > 0);
  for (const { name, address, cidr } of known) {
    const found = interfaces.find((candidate) => candidate.name === name);
    const own = found?.addresses.find((candidate) => candidate.address === parseIpv4(address));
    strictEqual(`${own?.prefixLength}`, cidr.split("/")[1], `${name} ${address}`);
  }
  if (interfaces.every(({ index }) => index > 0)) {
    strictEqual(new Set(interfaces.map(({ index }) => index)).size, interfaces.length);
  }
});
