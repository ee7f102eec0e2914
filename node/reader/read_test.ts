import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { CONFIG_LIMITS } from "../../src/config/limits.ts";
import { formatIpv4, type Ipv4 } from "../../src/net/ipv4.ts";
import type { ReaderRequest, ReservationEdit } from "./protocol.ts";
import { read } from "./read.ts";

const OWN = { dhcp: { address: 0x0a630001 }, cluster: { nodes: [{ id: 1, address: 0x0a630001 }] } };
const SECTION = {
  revision: 3,
  subnets: [
    { pools: ["10.77.1.0-10.77.1.9"], subnet: "10.77.0.0/16" },
    { reservations: [{ address: "10.78.0.5", hardware: "02:00:00:00:00:05" }], subnet: "10.78.0.0/16" },
  ],
};
const TEXT = JSON.stringify(SECTION);

function reservations(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    address: formatIpv4(0x0a4d0201 + index as Ipv4),
    hardware: `02:00:00:00:${(index >>> 8).toString(16).padStart(2, "0")}:${
      (index & 255).toString(16).padStart(2, "0")
    }`,
  }));
}

/** What was read, or why not. */
function reading<Kind extends ReaderRequest["kind"]>(request: Extract<ReaderRequest, { kind: Kind }>) {
  const result = read(request);
  return result.ok ? result : result.problems.join(" | ");
}

function edited(edit: ReservationEdit, text = TEXT): unknown {
  const result = read({ kind: "edit", text, edit });
  return result.ok && "text" in result
    ? JSON.parse(result.text)
    : "problems" in result
    ? result.problems[0]
    : undefined;
}

Deno.test("read: a section is packed with its reservations, or refused with every reason", () => {
  const result = read({ kind: "section", text: TEXT, own: OWN });
  ok(result.ok && "packed" in result);
  deepStrictEqual(result.packed.counts, [0, 1, 0]);
  strictEqual(result.packed.entries, '{"address":"10.78.0.5","hardware":"02:00:00:00:00:05"}');
  strictEqual(result.packed.settings.revision, 3);
  const own = { ...OWN, cluster: { nodes: [{ id: 2, address: 0x0a4d0103 }] } };
  match(String(reading({ kind: "section", text: TEXT, own })), /contains 10\.77\.1\.3, the address of cluster node 2/);
  match(String(reading({ kind: "section", text: "{", own: OWN })), /^it is no JSON$/);
  match(String(reading({ kind: "section", text: `${"[".repeat(9_999)}${"]".repeat(9_999)}`, own: OWN })), /too deep/);
  const large = JSON.stringify({ ...SECTION, x: "x".repeat(CONFIG_LIMITS.sectionBytesMax) });
  match(
    String(reading({ kind: "section", text: large, own: OWN })),
    /members send each other at most 16711680: remove/,
  );
});

Deno.test("read: what an operator gives is made canonical, and compared with what is served", () => {
  const yaml = "service:\n  subnets:\n  - subnet: 10.79.0.0/16\n    pools: [10.79.1.0-10.79.1.9]\n  leaseTime: 600\n";
  const given = { kind: "given", text: yaml, format: "yaml", current: TEXT } as const;
  const text = '{"leaseTime":600,"subnets":[{"pools":["10.79.1.0-10.79.1.9"],"subnet":"10.79.0.0/16"}]}';
  const unserved = ["10.77.0.0/16", "10.78.0.0/16"];
  deepStrictEqual(read(given), { ok: true, text, revision: 0, unreserved: ["10.78.0.5"], unserved });
  deepStrictEqual(read({ ...given, text, format: "json" }), read(given));
  deepStrictEqual(read({ ...given, text: TEXT, format: "json" }), {
    ok: true,
    text: TEXT,
    revision: 3,
    unreserved: [],
    unserved: [],
  });
  for (
    const [text, format, reason] of [
      ["[1]", "json", /^this is not a service section/],
      ["a: [", "yaml", /^line 1, column 5: /],
      ["revision: -1", "yaml", /^revision must be a whole number/],
      ["[".repeat(100_000), "yaml", /^line 1, column \d+: brackets are nested too deeply/],
      [`${"[".repeat(1_000)}${"]".repeat(1_000)}`, "json", /^it is nested too deeply: more than 64 levels/],
    ] as const
  ) match(String(reading({ ...given, text, format })), reason);
});

Deno.test("read: a reservation is added to its subnet's, and removed", () => {
  const reservation = { address: "10.77.1.5", hardware: "02:00:00:00:00:07" };
  const [first, second] = SECTION.subnets;
  deepStrictEqual(edited({ kind: "reserve", reservation }), {
    ...SECTION,
    subnets: [{ ...first, reservations: [reservation] }, second],
  });
  deepStrictEqual(edited({ kind: "unreserve", address: "10.78.0.5" }), {
    ...SECTION,
    subnets: [first, { ...second, reservations: [] }],
  });
  strictEqual(edited({ kind: "unreserve", address: "10.78.0.6" }), "10.78.0.6 is not reserved");
  strictEqual(
    edited({ kind: "reserve", reservation: { ...reservation, address: "10.78.0.5" } }),
    "10.78.0.5 is reserved already: remove that reservation first",
  );
  strictEqual(
    edited({ kind: "reserve", reservation: { ...reservation, address: "10.1.1.1" } }),
    "no configured subnet has 10.1.1.1",
  );
  strictEqual(
    edited({ kind: "reserve", reservation: { ...reservation, subnet: "10.78.0.0/16" } }),
    "10.77.1.5 lies in 10.77.0.0/16, not in 10.78.0.0/16",
  );
});

Deno.test("read: reservations of subnets on one link are packed, compared, added and removed as others are", () => {
  const [first, second] = SECTION.subnets;
  const others = [{ subnet: "10.79.0.0/16" }, {
    reservations: [{ address: "10.80.0.5", clientId: "0x01" }],
    subnet: "10.80.0.0/16",
  }];
  const sharing = (...subnets: object[]) => ({ ...SECTION, sharedNetworks: [{ name: "a", subnets }] });
  const text = JSON.stringify(sharing(...others));
  const result = read({ kind: "section", text, own: OWN });
  ok(result.ok && "packed" in result);
  deepStrictEqual(result.packed.counts, [0, 1, 0, 1, 0]);
  deepStrictEqual(result.packed.settings.subnets.map(({ sharedNetwork }) => sharedNetwork), [
    ...[undefined, undefined],
    ...[0, 0],
  ]);
  const reservation = { address: "10.79.1.5", hardware: "02:00:00:00:00:07" };
  deepStrictEqual(
    edited({ kind: "reserve", reservation }, text),
    sharing({ ...others[0], reservations: [reservation] }, others[1] as object),
  );
  deepStrictEqual(
    edited({ kind: "unreserve", address: "10.80.0.5" }, text),
    sharing(others[0] as object, { ...others[1], reservations: [] }),
  );
  const given = read({ kind: "given", text: TEXT, format: "json", current: text });
  ok(given.ok && "unserved" in given);
  deepStrictEqual([given.unreserved, given.unserved], [["10.80.0.5"], ["10.79.0.0/16", "10.80.0.0/16"]]);
  ok(first !== undefined && second !== undefined);
  const onlyShared = JSON.stringify({ revision: 3, sharedNetworks: [{ name: "a", subnets: [first, second] }] });
  deepStrictEqual(edited({ kind: "unreserve", address: "10.78.0.5" }, onlyShared), {
    revision: 3,
    sharedNetworks: [{ name: "a", subnets: [first, { ...second, reservations: [] }] }],
  });
});

Deno.test("read: one reservation too many for a message is refused before it is pushed", () => {
  const many = reservations(300_000);
  const text = JSON.stringify({ ...SECTION, subnets: [{ subnet: "10.77.0.0/16", reservations: many }] });
  const reservation = { address: "10.77.0.9", hardware: "02:00:00:ff:00:07" };
  match(
    String(edited({ kind: "reserve", reservation }, text)),
    /^the service section would be too large: it has \d+ oc/,
  );
});

Deno.test("read: a file is read with its section apart", () => {
  const text = [
    "node: { id: 1, stateDir: /var/lib/x }",
    "dhcp: { address: 10.99.0.1 }",
    "cluster: { nodes: [{ id: 1, address: 10.99.0.1 }] }",
    `service: ${TEXT}`,
  ].join("\n");
  const result = read({ kind: "file", text, file: "node.yaml" });
  ok(result.ok && "config" in result);
  deepStrictEqual(Object.keys(result.config).sort(), ["cluster", "dhcp", "http", "log", "node"]);
  deepStrictEqual([result.revision, result.text, result.packed.counts], [3, TEXT, [0, 1, 0]]);
  strictEqual(
    reading({ kind: "file", text: `${text}\nx: 1`, file: "a.yaml" }),
    "a.yaml:5:1: x: unknown key; known here: node, dhcp, cluster, http, log, service",
  );
});
