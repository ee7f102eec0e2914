import { throws } from "node:assert/strict";
import { complains, configures, refuses, same } from "../testing.ts";
import { ipv4, ipv4List, ipv4ListOrNone, ipv4PairList } from "./ipv4.ts";

Deno.test("ipv4: four octets", () => {
  same(ipv4, 0x0a4d0001, "0a4d0001");
  same(ipv4, 0xffffffff, "ffffffff");
  refuses(ipv4, "0a4d00", "badLength");
  refuses(ipv4, "0a4d000100", "badLength");
  configures(ipv4, "10.77.0.1", "0a4d0001");
  for (const input of ["10.77.0.256", "10.77.1", 10, ["10.77.0.1"], null]) complains(ipv4, input);
});

Deno.test("ipv4List: a multiple of four octets, at least one address", () => {
  same(ipv4List, [0x0a4d0001, 0xc0000201], "0a4d0001 c0000201");
  refuses(ipv4List, "", "badLength");
  refuses(ipv4List, "0a4d0001 c0", "badLength");
  throws(() => ipv4List.encode([]));
});

Deno.test("ipv4List: configuration takes a list, one address, or dhcpd's commas; names the wrong item", () => {
  configures(ipv4List, ["10.77.0.1", "192.0.2.1"], "0a4d0001 c0000201");
  configures(ipv4List, "10.77.0.1", "0a4d0001");
  configures(ipv4List, "10.77.0.1, 192.0.2.1", "0a4d0001 c0000201");
  complains(ipv4List, ["10.77.0.1", "192.0.2"], "192.0.2");
  complains(ipv4List, []);
  complains(ipv4List, "10.77.0.1,", "");
});

Deno.test("ipv4ListOrNone: RFC 2132 §8.13 allows none", () => {
  same(ipv4ListOrNone, [], "");
  configures(ipv4ListOrNone, [], "");
});

Deno.test("ipv4PairList: eight octets each", () => {
  const codec = ipv4PairList("destination", "router");
  same(codec, [[0x0a000000, 0x0a4d0001]], "0a000000 0a4d0001");
  refuses(codec, "0a000000", "badLength");
  refuses(codec, "", "badLength");
  configures(codec, [{ destination: "10.0.0.0", router: "10.77.0.1" }], "0a000000 0a4d0001");
  complains(codec, [{ destination: "10.0.0.0" }], { destination: "10.0.0.0" });
  complains(codec, ["10.0.0.0"], "10.0.0.0");
});
