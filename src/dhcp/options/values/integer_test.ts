import { throws } from "node:assert/strict";
import { complains, configures, reads, refuses, same } from "../testing.ts";
import { i32, u16, u32, u8 } from "./integer.ts";

Deno.test("integers: most significant octet first, over the whole range", () => {
  same(u8(), 0, "00");
  same(u8(), 255, "ff");
  same(u16(), 0x1234, "1234");
  same(u32(), 0, "00000000");
  same(u32(), 0xffffffff, "ffffffff");
  same(u32(), 3600, "00000e10");
});

Deno.test("i32: two's complement", () => {
  same(i32(), -1, "ffffffff");
  same(i32(), -(2 ** 31), "80000000");
  same(i32(), 2 ** 31 - 1, "7fffffff");
  same(i32(), -18000, "ffffb9b0");
});

Deno.test("integers: any other length is malformed", () => {
  for (const hex of ["", "01", "010203", "0102030405"]) refuses(u32(), hex, "badLength");
  refuses(u16(), "01", "badLength");
  refuses(u8(), "0102", "badLength");
});

Deno.test("integers: bounds hold on the wire, in configuration and for ourselves", () => {
  const mtu = u16({ min: 68 });
  reads(mtu, "0044", 68);
  refuses(mtu, "0043", "badValue");
  complains(mtu, 67);
  throws(() => mtu.encode(67), /67 must be a whole number 68\.\.65535/);
  throws(() => u8().encode(256));
  throws(() => u8().encode(1.5));
});

Deno.test("integers: configuration takes numbers, not texts or fractions", () => {
  configures(u32(), 3600, "00000e10");
  for (const input of ["3600", 1.5, -1, 2 ** 32, null, undefined, true, [1], NaN]) complains(u32(), input);
});
