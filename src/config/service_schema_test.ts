import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";

import { mapping } from "./field.ts";
import { formatIssues } from "./issue.ts";
import { loadConfig } from "./load.ts";
import { reservationSchema, type ServiceConfig, serviceSchema } from "./service_schema.ts";
import { checkService } from "./service_check.ts";

const schema = mapping({ service: serviceSchema });

function load(yaml: string): ServiceConfig {
  const result = loadConfig(yaml, schema, check);
  ok(result.ok, result.ok ? "" : formatIssues("f.yaml", result.issues));
  return result.value.service;
}

function check(root: unknown, report: Parameters<typeof checkService>[1]): void {
  checkService((root as { service?: unknown }).service, report);
}

/** The issues of a section with these lines in it, without the file's name. */
function issuesOf(...lines: string[]): string[] {
  const yaml = ["service:", "  revision: 1", ...lines.map((line) => `  ${line}`)].join("\n");
  const result = loadConfig(yaml, schema, check);
  return result.ok ? [] : formatIssues("f", result.issues).split("\n").map((line) => line.replace("service.", ""));
}

const none = new Map<number, Uint8Array>();

Deno.test("serviceSchema fills in the defaults of a small section", () => {
  deepStrictEqual(load("service: { revision: 7, subnets: [{ subnet: 10.0.0.0/24 }] }"), {
    revision: 7,
    leaseSeconds: 3600,
    declineSeconds: 86_400,
    authoritative: true,
    rapidCommit: false,
    clientIdentity: "clientId",
    options: none,
    strangers: {
      messages: { perSecond: 4_000, burst: 20_000 },
      nearlyFull: 50,
      leases: { perSecond: 10, burst: 200 },
      firstLeaseSeconds: 300,
      share: 25,
    },
    classes: [],
    subnetSelection: false,
    subnets: [{ prefix: { address: 0x0a000000, prefixLength: 24 }, pools: [], reservations: [], options: none }],
    sharedNetworks: [],
  });
});

Deno.test("serviceSchema reads every key at every level", () => {
  const service = load(`
service:
  revision: 2
  leaseTime: 2h
  minLeaseTime: 60
  maxLeaseTime: infinite
  renewTime: 30m
  rebindTime: 1h
  declineTime: 1d
  authoritative: false
  rapidCommit: true
  clientIdentity: hardware
  subnetSelection: true
  strangers: { messages: { perSecond: 5 }, nearlyFull: 0, leases: { burst: 6 }, firstLeaseTime: 1m, share: 100 }
  maxLeasesPerCircuit: 8
  nextServer: 10.0.0.2
  serverName: boot
  bootFile: pxelinux.0
  options: { ntp-servers: [10.0.0.3, 10.0.0.4], "224": "0x0102ff" }
  classes:
    - name: uefi
      match: { vendorClass: PXEClient, userClass: iPXE, architecture: 7 }
      bootFile: a.efi
    - { name: many, match: { architecture: [7, 9] }, options: { domain-name: x } }
  subnets:
    - subnet: 10.0.0.0/24
      id: 7
      clientIdentity: clientId
      maxLeasesPerCircuit: 4
      relays: [{ giaddr: 10.9.0.1, circuitId: lan0, remoteId: "0x0001", relayId: "0x0002ff" }]
      options: { routers: 10.0.0.1 }
      pools:
        - 10.0.0.10-10.0.0.20
        - { range: 10.0.0.30-10.0.0.40, leaseTime: 90m }
      reservations:
        - { hardware: "02:00:00:00:00:01", address: 10.0.0.5, hostname: printer, bootFile: p }
        - { clientId: "0x0063", address: 10.0.0.15 }
  sharedNetworks:
    - name: campus
      clientIdentity: clientId
      maxLeasesPerCircuit: 2
      relays: [{ relayId: "0x03" }]
      leaseTime: 3h
      subnets: [{ subnet: 10.0.1.0/24, leaseTime: 4h }, { subnet: 10.0.2.0/24 }]
`);
  deepStrictEqual(service, {
    revision: 2,
    leaseSeconds: 7200,
    minLeaseSeconds: 60,
    maxLeaseSeconds: 0xffffffff,
    renewSeconds: 1800,
    rebindSeconds: 3600,
    declineSeconds: 86_400,
    authoritative: false,
    rapidCommit: true,
    clientIdentity: "hardware",
    subnetSelection: true,
    strangers: {
      messages: { perSecond: 5, burst: 20_000 },
      nearlyFull: 0,
      leases: { perSecond: 10, burst: 6 },
      firstLeaseSeconds: 60,
      share: 100,
    },
    maxLeasesPerCircuit: 8,
    nextServer: 0x0a000002,
    serverName: "boot",
    bootFile: "pxelinux.0",
    options: new Map([[42, Uint8Array.of(10, 0, 0, 3, 10, 0, 0, 4)], [224, Uint8Array.of(1, 2, 255)]]),
    classes: [
      {
        name: "uefi",
        match: { vendorClass: "PXEClient", userClass: "iPXE", architecture: [7] },
        bootFile: "a.efi",
        options: none,
      },
      { name: "many", match: { architecture: [7, 9] }, options: new Map([[15, Uint8Array.of(120)]]) },
    ],
    subnets: [{
      prefix: { address: 0x0a000000, prefixLength: 24 },
      id: 7,
      clientIdentity: "clientId",
      maxLeasesPerCircuit: 4,
      relays: [{
        giaddr: 0x0a090001,
        circuitId: new TextEncoder().encode("lan0"),
        remoteId: Uint8Array.of(0, 1),
        relayId: Uint8Array.of(0, 2, 255),
      }],
      options: new Map([[3, Uint8Array.of(10, 0, 0, 1)]]),
      pools: [
        { range: { first: 0x0a00000a, last: 0x0a000014 }, options: none },
        { range: { first: 0x0a00001e, last: 0x0a000028 }, leaseSeconds: 5400, options: none },
      ],
      reservations: [
        {
          hardware: Uint8Array.of(2, 0, 0, 0, 0, 1),
          address: 0x0a000005,
          hostname: "printer",
          bootFile: "p",
          options: none,
        },
        { clientId: Uint8Array.of(0, 99), address: 0x0a00000f, options: none },
      ],
    }, {
      prefix: { address: 0x0a000100, prefixLength: 24 },
      leaseSeconds: 14_400,
      ...{ pools: [], reservations: [], options: none },
      sharedNetwork: 0,
    }, {
      prefix: { address: 0x0a000200, prefixLength: 24 },
      ...{ pools: [], reservations: [], options: none },
      sharedNetwork: 0,
    }],
    sharedNetworks: [{
      name: "campus",
      clientIdentity: "clientId",
      maxLeasesPerCircuit: 2,
      relays: [{ relayId: Uint8Array.of(3) }],
      leaseSeconds: 10_800,
      options: none,
    }],
  });
});

Deno.test("service options are checked by the registry, each at its key or value", () => {
  const subnets = "subnets: [{ subnet: 10.0.0.0/24 }]";
  deepStrictEqual(
    issuesOf(
      subnets,
      'options: { ntp-server: 10.0.0.1, routers: [10.0.0], 51: 60, "42": 10.0.0.1, ntp-servers: 10.0.0.2 }',
    ),
    [
      'f:4:14: options.ntp-server: no option from 1 to 254 has this name or code; did you mean "ntp-servers"?',
      'f:4:45: options.routers: must be IPv4 addresses, such as [192.0.2.1, 192.0.2.2]: is "10.0.0"',
      "f:4:55: options.51: can't be set here: use the key leaseTime",
      'f:4:79: options.ntp-servers: the same option as "42"; remove one of the two',
    ],
  );
  deepStrictEqual(issuesOf(subnets, "options: { 224: 12, 300: 0x00, routers: }"), [
    'f:4:19: options.224: must be bytes in hex, such as "0x01": is 12',
    "f:4:23: options.300: no option from 1 to 254 has this name or code; " +
    "write a name from the operator's guide, or a code",
    "f:4:34: options.routers: has no value; give IPv4 addresses, such as [192.0.2.1, 192.0.2.2]; or remove the key",
  ]);
});

Deno.test("pools lie in their subnet, apart from each other, without network and broadcast address", () => {
  deepStrictEqual(
    issuesOf(
      "subnets:",
      "- subnet: 10.0.0.0/24",
      "  pools:",
      "  - 10.0.1.0-10.0.1.9",
      "  - 10.0.0.0-10.0.0.9",
      "  - 10.0.0.250-10.0.0.255",
      "  - range: 10.0.0.5-10.0.0.20",
      "- subnet: 10.0.1.0/31",
      "  pools: [10.0.1.0-10.0.1.1]",
    ),
    [
      'f:6:7: subnets[0].pools[0]: "10.0.1.0-10.0.1.9" lies outside the subnet 10.0.0.0/24; ' +
      "keep it within 10.0.0.0-10.0.0.255",
      'f:7:7: subnets[0].pools[1]: "10.0.0.0-10.0.0.9" contains the network address ' +
      "10.0.0.0 of the subnet; leave it out",
      'f:8:7: subnets[0].pools[2]: "10.0.0.250-10.0.0.255" contains the broadcast address 10.0.0.255 of the subnet; ' +
      "leave it out",
      'f:9:14: subnets[0].pools[3].range: "10.0.0.5-10.0.0.20" overlaps service.subnets[0].pools[1] ' +
      "(10.0.0.0-10.0.0.9); separate the two",
    ],
  );
});

Deno.test("subnets don't overlap and consist of host addresses", () => {
  const subnet = (text: string) => `- subnet: ${text}`;
  deepStrictEqual(issuesOf("subnets:", subnet("10.0.4.0/24"), subnet("10.0.0.0/16"), subnet("239.0.0.0/8")), [
    'f:5:13: subnets[1].subnet: "10.0.0.0/16" overlaps service.subnets[0].subnet (10.0.4.0/24); separate the two',
    'f:6:13: subnets[2].subnet: "239.0.0.0/8" holds multicast or reserved addresses; narrow it',
  ]);
  strictEqual(issuesOf("subnets: [{ subnet: 0.0.0.0/8 }]").length, 1);
  strictEqual(issuesOf("subnets: [{ subnet: 127.0.0.0/8 }, { subnet: 10.0.0.1/32, pools: [10.0.0.1] }]").length, 0);
});

Deno.test("reservations lie in their subnet and are unique by address and by client", () => {
  deepStrictEqual(
    issuesOf(
      "subnets:",
      "- subnet: 10.0.0.0/24",
      "  reservations:",
      '  - { hardware: "02:00:00:00:00:01", address: 10.0.0.5 }',
      '  - { hardware: "02-00-00-00-00-01", address: 10.0.0.5 }',
      '  - { clientId: "0x01", hardware: "02:00:00:00:00:02", address: 10.0.1.5 }',
      "  - { address: 10.0.0.255 }",
    ),
    [
      'f:7:19: subnets[0].reservations[1].hardware: "02-00-00-00-00-01" stands at service.subnets[0].reservations[0]' +
      ".hardware already; reserve one address for each client",
      'f:7:49: subnets[0].reservations[1].address: "10.0.0.5" stands at service.subnets[0].reservations[0]' +
      ".address already; reserve each address once",
      "f:8:9: subnets[0].reservations[2].clientId: given together with hardware; remove one of the two, " +
      "as a client is known by one",
      'f:8:67: subnets[0].reservations[2].address: "10.0.1.5" lies outside the subnet 10.0.0.0/24; ' +
      "reserve an address within it",
      "f:9:7: subnets[0].reservations[3]: names no client; give hardware or clientId",
      'f:9:18: subnets[0].reservations[3].address: "10.0.0.255" is the broadcast address ' +
      "of the subnet; reserve another",
    ],
  );
});

Deno.test("the same client may have a reservation in each of several subnets", () => {
  const reservation = (address: string) => `reservations: [{ hardware: "02:00:00:00:00:01", address: ${address} }]`;
  const subnets = `[{ subnet: 10.0.0.0/24, ${reservation("10.0.0.5")} }, { subnet: 10.0.1.0/24, ${
    reservation("10.0.1.5")
  } }]`;
  deepStrictEqual(issuesOf(`subnets: ${subnets}`), []);
});

Deno.test("pools have at most four million addresses together", () => {
  const subnets = (second: string) =>
    `subnets: [{ subnet: 10.0.0.0/10, pools: [10.0.0.1-10.60.255.255] }, { subnet: 11.0.0.0/16, pools: [${second}] }]`;
  deepStrictEqual(issuesOf(subnets("11.0.0.1-11.0.0.9")), []);
  deepStrictEqual(issuesOf(subnets("11.0.0.1-11.0.9.255")).map((line) => line.slice(0, 60)), [
    'f:3:102: subnets[1].pools[0]: "11.0.0.1-11.0.9.255" brings the pools'.slice(0, 60),
  ]);
});

Deno.test("classes have names of their own and something to match", () => {
  const subnets = "subnets: [{ subnet: 10.0.0.0/24 }]";
  deepStrictEqual(issuesOf(subnets, "classes:", "- { name: a, match: {} }", "- { name: a, match: { userClass: x } }"), [
    "f:5:23: classes[0].match: matches nothing; give vendorClass, userClass or architecture",
    'f:6:13: classes[1].name: "a" stands at service.classes[0].name already; give each class its own name',
  ]);
});

Deno.test("a mistake in one value hides no relation between others", () => {
  const lines = issuesOf(
    "leaseTime: soon",
    "renewTime: 2h",
    "rebindTime: 1h",
    "subnets:",
    "- subnet: 10.0.0.0/24",
    "  poools: []",
    "  pools: [10.0.0.300, 10.0.1.1-10.0.1.2]",
    "- subnet: 10.0.0.0/25",
  );
  deepStrictEqual(lines.map((line) => line.split(" ").slice(0, 2).join(" ")), [
    "f:3:14: leaseTime:",
    "f:4:14: renewTime:",
    "f:5:15: rebindTime:",
    "f:8:5: subnets[0].poools:",
    "f:9:13: subnets[0].pools[0]:",
    "f:9:25: subnets[0].pools[1]:",
    "f:10:13: subnets[1].subnet:",
  ]);
});

Deno.test("twenty thousand reservations are checked in seconds", () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => {
    const hex = (index + 1).toString(16).padStart(6, "0").replace(/(..)(..)(..)/, "$1:$2:$3");
    return `- { hardware: "02:00:00:${hex}", address: 10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255} }`;
  });
  const startMs = performance.now();
  const issues = issuesOf("subnets:", "- subnet: 10.0.0.0/8", "  reservations:", ...lines.map((line) => `  ${line}`));
  deepStrictEqual(issues, []);
  ok(performance.now() - startMs < 10_000, `took ${performance.now() - startMs} ms`);
});

Deno.test("reservationSchema reads a plain reservation as it reads one with a lease setting beside it", () => {
  const value = fc.constantFrom<unknown>(
    "10.1.0.9",
    "02:00:00:00:00:09",
    "0x0102",
    "pr\u00fcfer",
    "printer",
    "",
    7,
    null,
  );
  const entry = fc.record({ address: value, hardware: value, clientId: value, hostname: value, other: value }, {
    requiredKeys: [],
  });
  fc.assert(
    fc.property(fc.oneof(entry, value), (input) => {
      const quick = reservationSchema.safeParse(input);
      if (typeof input !== "object" || input === null) return strictEqual(quick.success, false);
      // A lease time takes it past the shortcut.
      const full = reservationSchema.safeParse({ ...input, leaseTime: 60 });
      strictEqual(quick.success, full.success, JSON.stringify(input));
      if (!full.success || !quick.success) return;
      const { leaseSeconds, ...rest } = full.data;
      strictEqual(leaseSeconds, 60);
      deepStrictEqual(quick.data, rest);
    }),
    { numRuns: 2_000 },
  );
});
