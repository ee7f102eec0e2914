import { complains, configures, reads, refuses, same } from "../testing.ts";
import { routes } from "./routes.ts";

Deno.test("routes: the destination descriptors of RFC 3442", () => {
  const router = 0x0a4d0001;
  const cases: [address: number, prefixLength: number, hex: string][] = [
    [0, 0, "00"],
    [0x0a000000, 8, "08 0a"],
    [0x0a000000, 24, "18 0a0000"],
    [0x0a110000, 16, "10 0a11"],
    [0x0a1b8100, 24, "18 0a1b81"],
    [0x0ae50080, 25, "19 0ae50080"],
    [0x0ac67a2f, 32, "20 0ac67a2f"],
  ];
  for (const [address, prefixLength, hex] of cases) {
    same(routes, [{ destination: { address, prefixLength }, router }], `${hex} 0a4d0001`);
  }
});

Deno.test("routes: one after the other", () => {
  same(routes, [
    { destination: { address: 0x0a000000, prefixLength: 8 }, router: 0x0a4d0001 },
    { destination: { address: 0, prefixLength: 0 }, router: 0x0a4d0002 },
  ], "08 0a 0a4d0001 00 0a4d0002");
});

Deno.test("routes: bits beyond the mask are masked away", () => {
  reads(routes, "0c 0aff 0a4d0001", [{ destination: { address: 0x0af00000, prefixLength: 12 }, router: 0x0a4d0001 }]);
});

Deno.test("routes: impossible widths and routes cut short are refused", () => {
  refuses(routes, "", "badLength");
  refuses(routes, "21 0a000000 00 0a4d0001", "badValue");
  refuses(routes, "08 0a 0a4d00", "badLength");
  refuses(routes, "00 0a4d0001 20 0a", "badLength", 5);
});

Deno.test("routes: configuration", () => {
  configures(routes, [{ destination: "10.0.0.0/8", router: "10.77.0.1" }], "08 0a 0a4d0001");
  configures(routes, { destination: "0.0.0.0/0", router: "10.77.0.1" }, "00 0a4d0001");
  configures(routes, [{ destination: "10.9.0.1/12", router: "10.77.0.1" }], "0c 0a00 0a4d0001");
  const wrong = [
    { destination: "10.0.0.1/33", router: "10.77.0.1" },
    { destination: "10.0.0.0", router: "10.77.0.1" },
    { destination: "10.0.0.0/8" },
    { destination: "10.0.0.0/8", router: "10.77.0.1", metric: 5 },
    "10.0.0.0/8 10.77.0.1",
    null,
  ];
  for (const route of wrong) complains(routes, [route], route);
});
