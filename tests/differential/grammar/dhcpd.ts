/** Files of dhcpd, one statement per line. */

import fc from "fast-check";
import { architecture, few, file, MACS, name, NETWORKS, seconds, seldom, server, vendor } from "./common.ts";

type Lines = string[];

const HEAD = [
  "option arch code 93 = unsigned integer 16;",
  "option space V;",
  "option V.a code 1 = text;",
  "option V.b code 2 = ip-address;",
];

/** What every level may say. */
const statement: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: name.map((value) => `option domain-name "${value}";`) },
  { weight: 3, arbitrary: file.map((value) => `filename "${value}";`) },
  { weight: 2, arbitrary: server.map((value) => `next-server ${value};`) },
  { weight: 2, arbitrary: server.map((value) => `option domain-name-servers ${value};`) },
  { weight: 2, arbitrary: server.map((value) => `option ntp-servers ${value}, 10.1.0.1;`) },
  { weight: 2, arbitrary: name.map((value) => `option root-path "${value}";`) },
  name.map((value) => `server-name "${value}";`),
  file.map((value) => `filename = "${value}";`),
  name.map((value) => `option root-path = concat("/", "${value}");`),
  fc.constant('option domain-name "";'),
  fc.constant("option time-offset -3600;"),
  fc.constant("option interface-mtu 1400;"),
  name.map((value) => `option nis-domain "${value}";`),
);

const space = fc.oneof(name.map((value) => `option V.a "${value}";`), server.map((value) => `option V.b ${value};`));

const times = fc.oneof(
  seconds.map((value) => `default-lease-time ${value};`),
  seconds.map((value) => `max-lease-time ${value};`),
  seconds.map((value) => `min-lease-time ${value};`),
);

const comparison: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: architecture.map((value) => `option arch = 00:0${value}`) },
  {
    weight: 3,
    arbitrary: vendor.map((value) => `substring(option vendor-class-identifier, 0, ${value.length}) = "${value}"`),
  },
  vendor.map((value) => `option vendor-class-identifier = "${value}"`),
  fc.tuple(vendor, fc.integer({ min: 1, max: 25 })).map(([value, length]) =>
    `substring(option vendor-class-identifier, 0, ${length}) = "${value}"`
  ),
  { weight: 2, arbitrary: fc.constant('exists user-class and option user-class = "iPXE"') },
  fc.constant("exists vendor-class-identifier"),
  fc.constant("known"),
);

const condition: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: comparison },
  fc.tuple(comparison, comparison).map(([left, right]) => `((${left}) and (${right}))`),
  fc.tuple(comparison, comparison).map(([left, right]) => `((${left}) or (${right}))`),
  comparison.map((one) => `not (${one})`),
);

function indent(lines: Lines): Lines {
  return lines.map((line) => `  ${line}`);
}

function chain(depth: number): fc.Arbitrary<Lines> {
  const block = fc.array(statement, { minLength: 1, maxLength: 2 });
  const body: fc.Arbitrary<Lines> = depth === 0 ? block : fc.oneof(
    { weight: 4, arbitrary: block },
    fc.tuple(block, chain(depth - 1)).map(([first, inner]) => [...first, ...inner]),
  );
  return fc.record({
    first: fc.tuple(condition, body),
    more: few(fc.tuple(condition, body), 2),
    last: fc.option(body, { nil: undefined }),
  }).map(({ first, more, last }) => [
    `if ${first[0]} {`,
    ...indent(first[1]),
    "}",
    ...more.flatMap(([test, inner]) => [`elsif ${test} {`, ...indent(inner), "}"]),
    ...last === undefined ? [] : ["else {", ...indent(last), "}"],
  ]);
}

/** Statements and conditions in any order. */
function level(conditions: number): fc.Arbitrary<Lines> {
  const single = statement.map((one) => [one]);
  return few(
    conditions === 0 ? single : fc.oneof({ weight: 6, arbitrary: single }, { weight: conditions, arbitrary: chain(1) }),
    4,
  ).map((parts) => parts.flat());
}

const classes = few(
  fc.oneof(
    fc.tuple(condition, level(1)).map(([test, inner]) => [`match if ${test};`, ...inner]),
    fc.tuple(vendor, few(space, 2), fc.boolean()).map(([value, inner, carries]) => [
      `match if substring(option vendor-class-identifier, 0, ${value.length}) = "${value}";`,
      ...carries ? ["vendor-option-space V;"] : [],
      ...inner,
    ]),
  ),
  3,
).map((all) => all.flatMap((inner, index) => [`class "c${index}" {`, ...indent(inner), "}"]));

const subclasses = fc.uniqueArray(vendor, { minLength: 1, maxLength: 3 }).chain((values) =>
  fc.array(statement, { minLength: values.length, maxLength: values.length }).map((said) => [
    'class "by" { match option vendor-class-identifier; }',
    ...values.map((value, index) => `subclass "by" "${value}" { ${said[index]} }`),
  ])
);

const permit = fc.constantFrom(
  "allow all clients;",
  "allow known-clients;",
  "allow unknown-clients;",
  "deny unknown-clients;",
  "deny known-clients;",
  "deny dynamic bootp clients;",
  'allow members of "c0";',
  'deny members of "c0";',
);

function subnet(network: number): fc.Arbitrary<Lines> {
  const range = (first: number) => `range 10.${network}.0.${first} 10.${network}.0.${first + 19};`;
  return fc.record({
    own: level(1),
    times: seldom(times),
    space: seldom(space, 5),
    scope: seldom(fc.constantFrom("deny unknown-clients;", "allow booting;", "use-host-decl-names on;"), 8),
    pools: few(fc.tuple(few(permit, 1), few(statement, 2), seldom(times)), 2),
    plain: fc.boolean(),
  }).map(({ own, times: time, space: sub, scope, pools, plain }) => [
    `subnet 10.${network}.0.0 netmask 255.255.255.0 {`,
    ...indent([
      ...own,
      ...[time, sub, scope].filter((one) => one !== undefined),
      ...plain ? [range(100)] : [],
      ...pools.flatMap(([permits, said, poolTime], index) => [
        "pool {",
        ...indent([...permits, ...said, ...poolTime === undefined ? [] : [poolTime], range(130 + 20 * index)]),
        "}",
      ]),
    ]),
    "}",
  ]);
}

function host(index: number): fc.Arbitrary<Lines> {
  return fc.record({
    network: fc.constantFrom(...NETWORKS),
    own: few(fc.oneof({ weight: 4, arbitrary: statement }, space), 2),
    inside: fc.boolean(),
    group: fc.option(few(statement, 2), { nil: undefined }),
  }).map(({ network, own, inside, group }) => {
    const last = inside ? 131 + index : 20 + index;
    const declaration = [
      `host h${index} {`,
      `  hardware ethernet ${MACS[index]};`,
      `  fixed-address 10.${network}.0.${last};`,
      ...indent(own),
      "}",
    ];
    return group === undefined ? declaration : ["group {", ...indent([...group, ...declaration]), "}"];
  });
}

/** A whole file. */
export const dhcpdFile: fc.Arbitrary<string> = fc.record({
  own: level(2),
  times: few(times, 2),
  carrier: seldom(fc.constantFrom("option V-carrier code 43 = encapsulate V;", "vendor-option-space V;"), 2),
  space: seldom(space, 3),
  scope: seldom(
    fc.constantFrom(
      "deny unknown-clients;",
      "boot-unknown-clients false;",
      "use-host-decl-names on;",
      "authoritative;",
    ),
    6,
  ),
  classes,
  subclasses: seldom(subclasses, 3),
  networks: fc.integer({ min: 1, max: 3 }).chain((count) =>
    fc.tuple(...NETWORKS.slice(0, count).map((network) => subnet(network)))
  ),
  hosts: fc.integer({ min: 0, max: 3 }).chain((count) =>
    fc.tuple(...MACS.slice(0, count).map((_, index) => host(index)))
  ),
}).map((parts) => {
  const lines = [
    ...HEAD,
    ...[parts.carrier, parts.scope].filter((one) => one !== undefined),
    ...parts.own,
    ...parts.times,
    ...parts.space === undefined ? [] : [parts.space],
    ...parts.classes,
    ...parts.subclasses ?? [],
    ...parts.networks.flat(),
    ...parts.hosts.flat(),
  ];
  // A pool may name only a class that is there.
  const named = parts.classes.length > 0 ? lines : lines.filter((line) => !line.includes('members of "c0"'));
  return `${named.join("\n")}\n`;
});
