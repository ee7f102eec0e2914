/** Files of Kea, one value per line. */

import fc from "fast-check";
import { INTERFACE } from "../network.ts";
import { architecture, few, file, MACS, name, NETWORKS, seconds, seldom, server, vendor } from "./common.ts";

type Entry = Readonly<Record<string, unknown>>;

const option: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 3, arbitrary: name.map((data) => ({ name: "domain-name", data })) },
  { weight: 2, arbitrary: server.map((data) => ({ name: "routers", data })) },
  { weight: 2, arbitrary: server.map((data) => ({ name: "domain-name-servers", data: `${data}, 10.1.0.1` })) },
  { weight: 2, arbitrary: name.map((data) => ({ name: "root-path", data })) },
  name.map((data) => ({ code: 66, data })),
  fc.constant({ name: "time-offset", data: "-3600" }),
  fc.constant({ code: 224, space: "dhcp4", "csv-format": false, data: "0102ff" }),
  name.map((data) => ({ name: "nis-domain", data })),
);

const options = fc.uniqueArray(option, { maxLength: 3, selector: (one) => one.name ?? one.code });

const fields: fc.Arbitrary<Entry> = fc.record({
  "next-server": fc.oneof({ weight: 3, arbitrary: server }, fc.constant("0.0.0.0")),
  "boot-file-name": file,
  "server-hostname": name,
}, { requiredKeys: [] });

const times: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  seconds.map((value) => ({ "valid-lifetime": value })),
  seconds.map((value) => ({ "renew-timer": Math.floor(value / 8), "rebind-timer": Math.floor(value / 4) })),
);

/** `fields` most of the time left away. */
const some = fc.oneof({ weight: 2, arbitrary: fc.constant({} as Entry) }, fields);

const comparison: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: architecture.map((value) => `option[93].hex == 0x000${value}`) },
  { weight: 3, arbitrary: vendor.map((value) => `substring(option[60].hex,0,${value.length}) == '${value}'`) },
  vendor.map((value) => `option[60].text == '${value}'`),
  fc.tuple(vendor, fc.integer({ min: 1, max: 25 })).map(([value, length]) =>
    `substring(option[60].hex,0,${length}) == '${value}'`
  ),
  { weight: 2, arbitrary: fc.constant("option[77].hex == 'iPXE'") },
  fc.constant("option[60].exists"),
  fc.constant("member('ALL')"),
  fc.constant("member('KNOWN')"),
);

const test: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: comparison },
  fc.tuple(comparison, comparison).map(([left, right]) => `(${left}) and (${right})`),
  fc.tuple(comparison, comparison).map(([left, right]) => `(${left}) or (${right})`),
  comparison.map((one) => `not (${one})`),
);

const VENDOR_SPACE = [
  { name: "address", code: 1, space: "acme", type: "ipv4-address" },
  { name: "label", code: 2, space: "acme", type: "string" },
];

const classes = few(
  fc.record({
    test,
    options,
    some,
    life: seldom(seconds, 6),
    carries: seldom(server, 5),
    required: seldom(fc.constant(true), 8),
  }),
  4,
).map((all) =>
  all.map((one, index): Entry => ({
    name: `c${index}`,
    test: one.test,
    ...one.some,
    ...one.life === undefined ? {} : { "valid-lifetime": one.life },
    ...one.required === undefined ? {} : { "only-if-required": true },
    ...one.carries === undefined ? {} : {
      "option-def": [{ name: "vendor-encapsulated-options", code: 43, type: "empty", encapsulate: "acme" }],
    },
    "option-data": [
      ...one.options,
      ...one.carries === undefined ? [] : [
        { name: "vendor-encapsulated-options" },
        { name: "address", space: "acme", data: one.carries },
      ],
    ],
  }))
);

function subnet(network: number, hosts: readonly number[]): fc.Arbitrary<Entry> {
  const reservation = (index: number) =>
    fc.record({
      options,
      some,
      inside: fc.boolean(),
      address: fc.boolean(),
      named: fc.boolean(),
      classes: seldom(fc.constant(["c0"]), 5),
    })
      .map(({ options: data, some: more, inside, named, classes: given }): Entry => ({
        "hw-address": MACS[index],
        "ip-address": `10.${network}.0.${inside ? 101 + index : 20 + index}`,
        ...named ? { hostname: `h${index}` } : {},
        ...more,
        ...given === undefined ? {} : { "client-classes": given },
        "option-data": data,
      }));
  return fc.record({
    options,
    some,
    times,
    limits: seldom(
      fc.constantFrom<Entry>({ "client-class": "c0" }, { "reservations-in-subnet": false }, {
        "match-client-id": false,
      }),
      6,
    ),
    required: seldom(fc.constant({ "require-client-classes": ["c0"] }), 6),
    pools: fc.tuple(options, seldom(fc.constant({ "client-class": "c0" }), 6), fc.boolean()),
    reservations: fc.tuple(...hosts.map(reservation)),
  }).map((one): Entry => ({
    id: network,
    subnet: `10.${network}.0.0/24`,
    ...one.some,
    ...one.times,
    ...one.limits,
    ...one.required,
    "option-data": one.options,
    pools: [
      { pool: `10.${network}.0.100 - 10.${network}.0.119`, "option-data": one.pools[0], ...one.pools[1] },
      ...one.pools[2] ? [{ pool: `10.${network}.0.128/26` }] : [],
    ],
    reservations: one.reservations,
  }));
}

/** A whole file. */
export const keaFile: fc.Arbitrary<string> = fc.record({
  options,
  some,
  times,
  classes,
  global: seldom(fc.constant({ "reservations-global": true }), 6),
  networks: fc.integer({ min: 1, max: 3 }).chain((count) =>
    fc.tuple(
      ...NETWORKS.slice(0, count).map((network) => fc.subarray([0, 1, 2]).chain((hosts) => subnet(network, hosts))),
    )
  ),
}).map((one) => {
  const named = one.classes.length > 0;
  const known = (entry: Entry): Entry =>
    named ? entry : Object.fromEntries(
      Object.entries(entry).filter(([key]) =>
        !["client-class", "require-client-classes", "client-classes"].includes(key)
      )
        .map(([key, value]) => [
          key,
          Array.isArray(value) ? value.map((inner) => typeof inner === "object" ? known(inner) : inner) : value,
        ]),
    );
  const dhcp4 = {
    "interfaces-config": { interfaces: [INTERFACE], "dhcp-socket-type": "udp" },
    "lease-database": { type: "memfile", persist: false },
    ...one.some,
    ...one.times,
    ...one.global,
    "option-def": VENDOR_SPACE,
    "option-data": one.options,
    "client-classes": one.classes,
    subnet4: one.networks.map(known),
  };
  return `${JSON.stringify({ Dhcp4: withoutEmptyLists(dhcp4) }, null, 1)}\n`;
});

/** Kea takes no empty list. */
function withoutEmptyLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyLists);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => !Array.isArray(one) || one.length > 0)
      .map(([key, one]) => [key, withoutEmptyLists(one)]),
  );
}
