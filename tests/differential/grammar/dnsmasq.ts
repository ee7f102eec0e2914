/** Files of dnsmasq. */

import fc from "fast-check";
import { architecture, few, file, MACS, name, NETWORKS, seldom, server, vendor } from "./common.ts";

const RANGE_TAGS = ["net1", "net2", "net3"];
const MATCH_TAGS = ["m0", "m1", "m2"];
const HOST_TAGS = ["h0", "h1"];

const matches = fc.tuple(
  ...MATCH_TAGS.map((tag) =>
    fc.oneof(
      architecture.map((value) => `dhcp-match=set:${tag},option:client-arch,${value}`),
      vendor.map((value) => `dhcp-vendorclass=set:${tag},${value}`),
      fc.constant(`dhcp-userclass=set:${tag},iPXE`),
      vendor.map((value) => `dhcp-match=set:${tag},60,${value}`),
      fc.constant(`dhcp-vendorclass=${tag},Acme`),
    )
  ),
);

/** What may stand before a value; most often nothing, or one tag. */
const tags: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constant("") },
  { weight: 3, arbitrary: fc.constantFrom(...MATCH_TAGS).map((tag) => `tag:${tag},`) },
  { weight: 2, arbitrary: fc.constantFrom(...RANGE_TAGS).map((tag) => `tag:${tag},`) },
  fc.constantFrom(...MATCH_TAGS).map((tag) => `tag:!${tag},`),
  fc.constantFrom(...HOST_TAGS).map((tag) => `tag:${tag},`),
  fc.constant("tag:known,"),
  fc.tuple(fc.constantFrom(...MATCH_TAGS), fc.constantFrom(...MATCH_TAGS)).map(([a, b]) => `tag:${a},tag:${b},`),
  fc.tuple(fc.constantFrom(...MATCH_TAGS), fc.constantFrom(...MATCH_TAGS)).map(([a, b]) => `tag:${a},tag:!${b},`),
);

const value: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: server.map((address) => `option:router,${address}`) },
  { weight: 2, arbitrary: server.map((address) => `6,${address},10.1.0.1`) },
  { weight: 2, arbitrary: name.map((text) => `option:domain-name,${text}`) },
  { weight: 2, arbitrary: name.map((text) => `17,${text}`) },
  fc.constant("3"),
  fc.constant("15,"),
  name.map((text) => `66,"${text}"`),
  fc.constantFrom(
    '224,"5"',
    "224,5",
    "225,01:02:03",
    '225,"01:02:03"',
    "226,10.1.0.9",
    '226,"10.1.0.9"',
    "227,70000",
    "228,text, more",
  ),
  fc.constantFrom("26,1400", "19,1", "46,8", "119,a.example,b.example", "121,10.9.0.0/16,10.1.0.1", "42,10.1.0.8"),
);

const options = few(fc.tuple(tags, value).map(([tag, one]) => `dhcp-option=${tag}${one}`), 7);
const boots = few(
  fc.tuple(tags, file, fc.constantFrom(",boot,10.1.0.5", ",,10.1.0.6", "")).map(([tag, one, rest]) =>
    `dhcp-boot=${tag}${one}${rest}`
  ),
  4,
);
const vendors = few(
  fc.tuple(vendor, fc.integer({ min: 1, max: 3 }), server).map(([one, code, address]) =>
    `dhcp-option=vendor:${one},${code},${address}`
  ),
  2,
);

const ranges = fc.integer({ min: 1, max: 3 }).chain((count) =>
  fc.tuple(
    ...NETWORKS.slice(0, count).map((network, index) =>
      fc.tuple(fc.constantFrom("set:", ""), fc.constantFrom("1h", "20m", "2d", "infinite"), fc.boolean()).map((
        [word, time, second],
      ) => [
        `dhcp-range=${word}${RANGE_TAGS[index]},10.${network}.0.100,10.${network}.0.119,255.255.255.0,${time}`,
        ...second ? [`dhcp-range=10.${network}.0.130,10.${network}.0.139,255.255.255.0,${time}`] : [],
      ])
    ),
  )
).map((all) => all.flat());

const hosts = fc.subarray([0, 1, 2]).chain((indices) =>
  fc.tuple(...indices.map((index) =>
    fc.tuple(
      fc.constantFrom(...NETWORKS),
      fc.constantFrom("", "set:h0,", "set:h1,"),
      fc.constantFrom("", ",nas", ",45m"),
      fc.boolean(),
    ).map(([network, tag, rest, inside]) =>
      `dhcp-host=${MACS[index]},${tag}10.${network}.0.${inside ? 105 + index : 20 + index}${rest}`
    )
  ))
);

const domains = few(
  fc.constantFrom(
    "domain=all.example",
    "domain=two.example,10.2.0.0/24",
    "domain=part.example,10.1.0.110,10.1.0.125",
    "domain=other.example,10.1.0.0/25",
  ),
  2,
);

/** A whole file. */
export const dnsmasqFile: fc.Arbitrary<string> = fc.record({
  ranges,
  hosts,
  matches,
  values: fc.tuple(options, boots, vendors).chain((all) =>
    fc.shuffledSubarray(all.flat(), { minLength: all.flat().length })
  ),
  domains,
  ignore: seldom(fc.constantFrom("dhcp-ignore=tag:!known", "dhcp-ignore=tag:net2", "dhcp-ignore=tag:m0"), 6),
  authoritative: fc.boolean(),
  router: fc.boolean(),
}).map((one) =>
  [
    "port=0",
    ...one.authoritative ? ["dhcp-authoritative"] : [],
    ...one.ranges,
    ...one.hosts,
    ...one.matches,
    ...one.router ? ["dhcp-option=3,10.1.0.1"] : [],
    ...one.values,
    ...one.domains,
    ...one.ignore === undefined ? [] : [one.ignore],
    "",
  ].join("\n")
);
