import { deepStrictEqual } from "node:assert/strict";
import { formatPath } from "./issue.ts";
import { checkService } from "./service_check.ts";

/** The findings about plain values. */
function findings(service: unknown): string[] {
  const found: string[] = [];
  checkService(service, (path, message) => found.push(`${formatPath(path)} ${message}`));
  return found;
}

Deno.test("a reservation within a pool inherits the pool's times, one outside the subnet's", () => {
  const reservation = (address: string) => ({
    hardware: `02:00:00:00:00:${address.slice(-2)}`,
    address,
    renewTime: "20m",
  });
  const pool = { range: "10.0.0.10-10.0.0.20", leaseTime: "10m" };
  deepStrictEqual(
    findings({
      subnets: [{
        subnet: "10.0.0.0/24",
        pools: [pool],
        reservations: [reservation("10.0.0.15"), reservation("10.0.0.35")],
      }],
    }),
    [
      "service.subnets[0].reservations[0].renewTime is not shorter than rebindTime (8m45s, 7/8 of leaseTime); " +
      "shorten it, or set rebindTime with it",
    ],
  );
});

Deno.test("a class is checked against every level its clients may be in; the first it does not fit is reported", () => {
  const pool = (third: number) => ({ range: `10.0.${third}.10-10.0.${third}.20`, leaseTime: "10m" });
  const subnet = (third: number) => ({ subnet: `10.0.${third}.0/24`, pools: [pool(third)] });
  const service = {
    classes: [{ name: "a", match: { userClass: "x" }, renewTime: "20m" }],
    subnets: [subnet(1), subnet(2)],
  };
  deepStrictEqual(findings(service), [
    "service.classes[0].renewTime is not shorter than rebindTime (8m45s, 7/8 of leaseTime) in " +
    "service.subnets[0].pools[0]; shorten it, or set rebindTime with it",
  ]);
});

Deno.test("two subnets with one number are told, at the later one", () => {
  const subnets = [{ subnet: "10.0.0.0/24", id: 7 }, { subnet: "10.0.1.0/24" }, { subnet: "10.0.2.0/24", id: 7 }];
  deepStrictEqual(findings({ subnets }), [
    "service.subnets[2].id is also service.subnets[0].id; give each subnet a number of its own",
  ]);
});

Deno.test("too many pool addresses are told once, where they pass the limit", () => {
  const pools = ["10.0.0.1-10.63.0.0", "10.64.0.0-10.65.0.0", "10.66.0.0-10.67.0.0"];
  deepStrictEqual(
    findings({ subnets: [{ subnet: "10.0.0.0/8", pools }] }).map((line) => line.split(" ", 5).join(" ")),
    [
      "service.subnets[0].pools[0] brings the pools to",
    ],
  );
});

Deno.test("values of any shape are passed over", () => {
  for (const value of [undefined, null, 1, "x", [], { subnets: 1 }, { subnets: [null, 1, []], classes: [null, 1] }]) {
    deepStrictEqual(findings(value), []);
  }
  deepStrictEqual(findings({ subnets: [{ subnet: 3, pools: [null, 4, {}], reservations: [null, 5] }] }), []);
});

Deno.test("more pools than nodes can tell each other of are refused, once", () => {
  const subnets = Array.from({ length: 8_194 }, (_, index) => {
    const network = `10.${index >> 8}.${index & 255}`;
    return { subnet: `${network}.0/24`, pools: [`${network}.10-${network}.20`] };
  });
  deepStrictEqual(findings({ subnets: subnets.slice(0, 8_192) }), []);
  deepStrictEqual(findings({ subnets }), [
    "service.subnets[8192].pools[0] is one pool too many; make do with 8192 in all",
  ]);
});

Deno.test("subnets of shared networks are checked as others are, and with them", () => {
  const network = (name: string, subnets: object[], more: object = {}) => ({ name, subnets, ...more });
  const client = (address: string) => ({ hardware: "02:00:00:00:00:01", address });
  deepStrictEqual(
    findings({
      subnets: [{ subnet: "10.0.0.0/24", id: 7, reservations: [client("10.0.0.9")] }],
      sharedNetworks: [
        network("a", [
          { subnet: "10.0.0.0/16", pools: ["10.1.0.1-10.1.0.9"] },
          { subnet: "10.2.0.0/16", id: 7, leaseTime: "5m", reservations: [client("10.2.0.9")] },
        ], { renewTime: "20m" }),
        network("a", [{ subnet: "10.3.0.0/16", reservations: [client("10.3.0.9")] }, {
          subnet: "10.4.0.0/16",
          reservations: [client("10.4.0.9")],
        }]),
      ],
    }),
    [
      "service.sharedNetworks[0].subnets[0].pools[0] lies outside the subnet 10.0.0.0/16; keep it within " +
      "10.0.0.0-10.0.255.255",
      "service.sharedNetworks[0].subnets[1].id is also service.subnets[0].id; give each subnet a number of its own",
      "service.sharedNetworks[0].subnets[1].leaseTime does not fit: renewTime (20m, inherited) would not be shorter " +
      "than rebindTime (4m22s, 7/8 of leaseTime); set renewTime with it",
      "service.sharedNetworks[1].name stands at service.sharedNetworks[0].name already; give each link its own name",
      "service.sharedNetworks[1].subnets[1].reservations[0].hardware stands at " +
      "service.sharedNetworks[1].subnets[0].reservations[0].hardware already; " +
      "give each client one reservation on the link",
      "service.sharedNetworks[0].subnets[0].subnet overlaps service.subnets[0].subnet (10.0.0.0/24); separate the two",
    ],
  );
});

Deno.test("classes, places and addresses of shared networks are checked with those of the service", () => {
  const subnets = [
    { subnet: "10.1.0.0/16", allow: ["voice"], reservations: [{ circuitId: "port 1", address: "10.1.0.9" }] },
    {
      subnet: "10.2.0.0/16",
      deny: "vioce",
      pools: [{ range: "10.2.1.0-10.2.1.9", allow: ["guests", "known"] }],
      reservations: [
        { circuitId: "port 1", address: "10.2.0.9" },
        { hardware: "02:00:00:00:00:01", classes: ["phones"] },
      ],
    },
  ];
  deepStrictEqual(
    findings({
      classes: [{ name: "voice" }],
      sharedNetworks: [{ name: "a", subnets }],
      reservations: [
        { hardware: "02:00:00:00:00:02", address: "10.2.0.7" },
        { hardware: "02:00:00:00:00:03", address: "10.1.0.9" },
        { hardware: "02:00:00:00:00:04", address: "10.3.0.9" },
      ],
    }).map((line) => line.replace(/; .*/, "")),
    [
      "service.sharedNetworks[0].subnets[1].deny is no class of this service",
      "service.sharedNetworks[0].subnets[1].pools[0].allow[0] is no class of this service",
      "service.sharedNetworks[0].subnets[1].reservations[0].circuitId stands at " +
      "service.sharedNetworks[0].subnets[0].reservations[0].circuitId already",
      "service.sharedNetworks[0].subnets[1].reservations[1].classes[0] is no class of this service",
      "service.reservations[1].address stands at service.sharedNetworks[0].subnets[0].reservations[0].address already",
      "service.reservations[2].address lies in no subnet",
    ],
  );
});

Deno.test("a relay or circuit is assigned to one link", () => {
  const relays = [{ giaddr: "10.9.0.1" }, { circuitId: "lan0", remoteId: "0x01" }];
  const subnets = [{ subnet: "10.0.0.0/24", relays }, { subnet: "10.0.1.0/24", relays: [{}, { giaddr: "10.9.0.2" }] }];
  const sharedNetworks = [{
    name: "a",
    subnets: [{ subnet: "10.0.2.0/24" }],
    relays: [{ remoteId: "0x01", circuitId: "0x6c616e30" }, { circuitId: "lan0" }],
  }];
  deepStrictEqual(findings({ subnets, sharedNetworks }), [
    "service.subnets[1].relays[0] names nothing; give giaddr, circuitId, remoteId or relayId",
    "service.sharedNetworks[0].relays[0] stands at service.subnets[0].relays[1] already; assign it to one link",
  ]);
});

Deno.test("there is a subnet, alone or in a shared network", () => {
  const missing = ["service.subnets is missing; give a list"];
  deepStrictEqual(findings({}), missing);
  deepStrictEqual(findings({ subnets: [] }), ["service.subnets has 0 entries; give at least 1"]);
  deepStrictEqual(findings({ subnets: [], sharedNetworks: [{ name: "a", subnets: [{ subnet: "10.0.0.0/8" }] }] }), []);
  deepStrictEqual(findings({ sharedNetworks: [{ name: "a", subnets: [{ subnet: "10.0.0.0/8" }] }] }), []);
});
