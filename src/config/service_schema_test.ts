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
    bootp: false,
    clientIdentity: "clientId",
    conflictDetection: true,
    options: none,
    strangers: {
      messages: { perSecond: 4_000, burst: 20_000 },
      nearlyFull: 50,
      leases: { perSecond: 10, burst: 200 },
      firstLeaseSeconds: 300,
      share: 25,
    },
    classes: [],
    reservations: [],
    optionDefinitions: [],
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
  conflictDetection: false
  subnetSelection: true
  strangers: { messages: { perSecond: 5 }, nearlyFull: 0, leases: { burst: 6 }, firstLeaseTime: 1m, share: 100 }
  maxLeasesPerCircuit: 8
  nextServer: 10.0.0.2
  serverName: boot
  bootFile: pxelinux.0
  options: { ntp-servers: [10.0.0.3, 10.0.0.4], "224": "0x0102ff" }
  alwaysSend: [ntp-servers, "224"]
  classes:
    - name: uefi
      match: { vendorClass: PXEClient, userClass: iPXE, architecture: 7 }
      bootFile: a.efi
    - { name: many, match: { architecture: [7, 9] }, options: { domain-name: x } }
  subnets:
    - subnet: 10.0.0.0/24
      id: 7
      clientIdentity: clientId
      conflictDetection: true
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
    bootp: false,
    clientIdentity: "hardware",
    conflictDetection: false,
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
    alwaysSend: [42, 224],
    classes: [
      {
        name: "uefi",
        match: { vendorClass: "PXEClient", userClass: "iPXE", architecture: [7] },
        bootFile: "a.efi",
        options: none,
      },
      { name: "many", match: { architecture: [7, 9] }, options: new Map([[15, Uint8Array.of(120)]]) },
    ],
    reservations: [],
    optionDefinitions: [],
    subnets: [{
      prefix: { address: 0x0a000000, prefixLength: 24 },
      id: 7,
      clientIdentity: "clientId",
      conflictDetection: true,
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
          hardware: [Uint8Array.of(2, 0, 0, 0, 0, 1)],
          address: 0x0a000005,
          hostname: "printer",
          bootFile: "p",
          options: none,
        },
        { clientId: [Uint8Array.of(0, 99)], address: 0x0a00000f, options: none },
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
      ".hardware already; give each client one reservation",
      'f:7:49: subnets[0].reservations[1].address: "10.0.0.5" stands at service.subnets[0].reservations[0]' +
      ".address already; reserve each address once, for several clients in one reservation",
      "f:8:9: subnets[0].reservations[2].clientId: given together with hardware; remove one of the two, " +
      "as a client is known by one",
      'f:8:67: subnets[0].reservations[2].address: "10.0.1.5" lies outside the subnet 10.0.0.0/24; ' +
      "reserve an address within it",
      "f:9:7: subnets[0].reservations[3]: names no client; give hardware, clientId, circuitId or remoteId",
      'f:9:18: subnets[0].reservations[3].address: "10.0.0.255" is the broadcast address ' +
      "of the subnet; reserve another",
    ],
  );
});

Deno.test("reservations: lists of clients, places, and those that are valid in all subnets", () => {
  deepStrictEqual(
    load(`
service:
  revision: 1
  reservations:
    - { circuitId: "port 1", remoteId: "0x0102", address: 10.0.0.5 }
    - { remoteId: "0x0102", hostname: x }
    - { clientId: ["0x0a01", "0x0b01"], hostname: y }
  subnets:
    - { subnet: 10.0.0.0/24, reservations: [{ hardware: ["02:00:00:00:00:01", "02:00:00:00:00:02"] }] }
`),
    {
      ...load("service: { revision: 1, subnets: [{ subnet: 10.0.0.0/24 }] }"),
      reservations: [
        {
          circuitId: new TextEncoder().encode("port 1"),
          remoteId: Uint8Array.of(1, 2),
          address: 0x0a000005,
          options: none,
        },
        { remoteId: Uint8Array.of(1, 2), hostname: "x", options: none },
        { clientId: [Uint8Array.of(10, 1), Uint8Array.of(11, 1)], hostname: "y", options: none },
      ],
      subnets: [{
        prefix: { address: 0x0a000000, prefixLength: 24 },
        pools: [],
        reservations: [
          { hardware: [Uint8Array.of(2, 0, 0, 0, 0, 1), Uint8Array.of(2, 0, 0, 0, 0, 2)], options: none },
        ],
        options: none,
      }],
    },
  );
  deepStrictEqual(
    issuesOf(
      "reservations:",
      '- { circuitId: "a", hostname: x, address: 10.0.0.5 }',
      '- { circuitId: "0x61", address: 10.0.9.1, leaseTime: 2h }',
      '- { circuitId: "a", remoteId: "b", clientId: "0x0102", address: 10.0.0.0 }',
      "- { hardware: [], hostname: x }",
      "subnets:",
      "- subnet: 10.0.0.0/24",
      "  maxLeaseTime: 90m",
      "  reservations:",
      '  - { hardware: ["02:00:00:00:00:01", "02-00-00-00-00-01"], address: 10.0.0.5 }',
    ),
    [
      'f:4:45: reservations[0].address: "10.0.0.5" stands at service.subnets[0].reservations[0].address already; ' +
      "reserve each address once, for several clients in one reservation",
      'f:5:18: reservations[1].circuitId: "0x61" stands at service.reservations[0].circuitId already; ' +
      "give each client one reservation",
      'f:5:35: reservations[1].address: "10.0.9.1" lies in no subnet; add the subnet, or leave it out',
      'f:5:56: reservations[1].leaseTime: "2h" is longer than maxLeaseTime (1h30m, inherited) in ' +
      "service.subnets[0]; shorten it, or set maxLeaseTime with it",
      "f:6:7: reservations[2].circuitId: given together with clientId; remove one of the two, " +
      "as a client is known by one",
      'f:6:67: reservations[2].address: "10.0.0.0" is the network address of the subnet; reserve another',
      "f:7:17: reservations[3].hardware: has 0 entries; give at least 1",
      'f:12:41: subnets[0].reservations[0].hardware[1]: "02-00-00-00-00-01" stands at ' +
      "service.subnets[0].reservations[0].hardware[0] already; give each client one reservation",
    ],
  );
});

Deno.test("optionDefinitions give options of every level names, types and spaces", () => {
  const service = load(`
service:
  revision: 1
  optionDefinitions:
    - { name: own, code: 224, type: uint16 }
    - { name: controller, code: 1, space: unifi, type: ipv4-address }
    - { name: pair, code: 225, type: record, recordTypes: [uint8, string] }
  options: { own: 7, unifi.controller: 10.0.0.9, vendor-9.3: "0x01" }
  alwaysSend: [own, unifi.controller]
  subnets:
    - subnet: 10.0.0.0/24
      options: { vendor-encapsulated-options: { 6: "0x08", 7: "" } }
      reservations: [{ hardware: "02:00:00:00:00:01", options: { pair: [1, x], "224": "0x0008" } }]
  sharedNetworks:
    - name: campus
      options: { own: 9, unifi.controller: 10.1.0.9 }
      alwaysSend: [own]
      subnets: [{ subnet: 10.1.0.0/24, pools: [{ range: 10.1.0.1-10.1.0.9, options: { pair: [2, y] } }] }]
`);
  const [{ options, subOptions: ofLink, alwaysSend } = service] = service.sharedNetworks;
  deepStrictEqual([options, alwaysSend], [new Map([[224, Uint8Array.of(0, 9)]]), [224]]);
  deepStrictEqual(ofLink, [{ option: 43, space: "unifi", code: 1, bytes: Uint8Array.of(10, 1, 0, 9) }]);
  deepStrictEqual(service.subnets[1]?.pools[0]?.options, new Map([[225, Uint8Array.of(2, 121)]]));
  deepStrictEqual(service.options, new Map([[224, Uint8Array.of(0, 7)]]));
  deepStrictEqual(service.subOptions, [
    { option: 43, space: "unifi", code: 1, bytes: Uint8Array.of(10, 0, 0, 9) },
    { option: 125, space: "vendor-9", code: 3, bytes: Uint8Array.of(1) },
  ]);
  deepStrictEqual(service.alwaysSend, [224, 43]);
  const [{ subOptions = [], reservations } = { reservations: [] }] = service.subnets;
  deepStrictEqual(subOptions.map(({ space, code, bytes }) => [space, code, [...bytes]]), [["", 6, [8]], ["", 7, []]]);
  deepStrictEqual(reservations[0]?.options, new Map([[225, Uint8Array.of(1, 120)], [224, Uint8Array.of(0, 8)]]));
});

Deno.test("options: more entries than are possible are refused, not passed over", () => {
  const entries = Array.from({ length: 1_025 }, (_, index) => `vendor-${index + 1}.1: "0x01"`);
  const subnets = "subnets: [{ subnet: 10.0.0.0/24 }]";
  deepStrictEqual(issuesOf(`options: { ${entries.slice(1).join(", ")} }`, subnets), []);
  deepStrictEqual(issuesOf(`options: { ${entries.join(", ")} }`, subnets), [
    "f:3:12: options: has 1025 entries; at most 1024 are possible",
  ]);
});

Deno.test("optionDefinitions: what is wrong with one, and with a value of one", () => {
  deepStrictEqual(
    issuesOf(
      "optionDefinitions:",
      "- { name: routers, code: 200, type: uint8 }",
      "- { name: a, code: 53, type: uint8 }",
      "- { name: a, code: 201, type: string, array: true }",
      "- { name: b, code: 201, type: record }",
      "- { name: c, code: 202, type: record, recordTypes: [string, uint8] }",
      "- { name: d, code: 203, type: uint8, recordTypes: [uint8] }",
      "- { name: e, code: 1, space: s, type: uint8 }",
      "- { name: f, code: 204, type: text }",
      "- { name: 9g, code: 0, type: uint8 }",
      'options: { s.e: 256, s.1: 7, t.1: "0x01", dhcp-lease-time: 7, vendor-encapsulated-options: { 0: "0x01" } }',
      "alwaysSend: [s.e, dhcp-lease-time]",
      "subnets: [{ subnet: 10.0.0.0/24 }]",
    ),
    [
      'f:4:13: optionDefinitions[0].name: "routers" is an option that is known without a definition; ' +
      "take another name, or remove this",
      "f:5:22: optionDefinitions[1].code: 53 can't be set here: every message has its own",
      'f:6:13: optionDefinitions[2].name: "a" stands at service.optionDefinitions[1].name already; ' +
      "give each option of a space its own name",
      "f:6:41: optionDefinitions[2].array: is not for the type string, whose values have no fixed length; remove it",
      "f:7:5: optionDefinitions[3]: is a record without fields; give recordTypes",
      "f:7:22: optionDefinitions[3].code: 201 stands at service.optionDefinitions[2].code already; " +
      "define each code of a space once",
      'f:8:55: optionDefinitions[4].recordTypes[0]: "string" has no fixed length; let it be the last, without array',
      "f:9:40: optionDefinitions[5].recordTypes: is for the type record; remove it",
      'f:11:33: optionDefinitions[7].type: "text" is not one of binary, boolean, empty, fqdn, int8, int16, int32, ' +
      "ipv4-address, string, uint8, uint16, uint32, record; write one of these",
      'f:12:13: optionDefinitions[8].name: "9g" is not a name of letters, digits and hyphens; ' +
      "write one such as tftp-servers",
      "f:12:23: optionDefinitions[8].code: 0 is too small; write a whole number from 1 to 254",
      'f:13:19: options["s.e"]: must be a whole number from 0 to 255: is 256',
      'f:13:32: options["t.1"]: no option from 1 to 254 has this name or code; ' +
      "write a name from the operator's guide, or a code",
      "f:13:45: options.dhcp-lease-time: can't be set here: use the key leaseTime",
      'f:13:94: options.vendor-encapsulated-options: has a sub-option "0"; write codes from 1 to 254',
      'f:14:21: alwaysSend[1]: "dhcp-lease-time" is not the name or code of an option; ' +
      "write one such as domain-search",
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
    "f:5:23: classes[0].match: matches nothing; give vendorClass, userClass, architecture or expression",
    'f:6:13: classes[1].name: "a" stands at service.classes[0].name already; give each class its own name',
  ]);
});

Deno.test("conditions of classes are checked, and what refers to classes refers to ones that there are", () => {
  deepStrictEqual(
    issuesOf(
      "deny: [drop]",
      "classes:",
      "- { name: known, match: 'option[60].txt == \"x\"' }",
      '- { name: b, match: { expression: \'member("c") || member("known")\' } }',
      "- { name: c, match: 'member(\"c\")' }",
      "- { name: drops, match: 7 }",
      "subnets:",
      "- subnet: 10.0.0.0/24",
      "  allow: unknow",
      "  pools: [{ range: 10.0.0.1-10.0.0.9, deny: [known, b, voice], allow: [] }]",
      '  reservations: [{ hardware: "02:00:00:00:00:01", address: 10.0.0.10, classes: [c, staff] }]',
    ),
    [
      'f:3:10: deny[0]: "drop" is no class of this service; did you mean "drops"?',
      'f:5:13: classes[0].name: "known" means clients with or without a reservation; take another name',
      String.raw`f:5:27: classes[0].match: "option[60].txt == \"x\"" is wrong at character 12: No such key: txt; ` +
      "put .text, .hex, .number or .exists behind the option",
      String.raw`f:6:37: classes[1].match.expression: "member(\"c\") || member(\"known\")" asks for member("c"), ` +
      "but no class above it has this name; define that one first",
      String.raw`f:7:23: classes[2].match: "member(\"c\")" asks for member("c"), ` +
      "but no class above it has this name; define that one first",
      "f:8:27: classes[3].match: 7 is not a mapping (key: value); write its keys on lines of their own, " +
      "indented below it",
      'f:11:12: subnets[0].allow: "unknow" is no class of this service; did you mean "unknown"?',
      'f:12:58: subnets[0].pools[0].deny[2]: "voice" is no class of this service; ' +
      "known here: known, b, c, drops, unknown",
      "f:12:73: subnets[0].pools[0].allow: has 0 entries; give at least 1",
      'f:13:86: subnets[0].reservations[0].classes[1]: "staff" is no class of this service; ' +
      "known here: known, b, c, drops",
    ],
  );
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
