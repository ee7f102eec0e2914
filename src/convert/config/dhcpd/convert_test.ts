import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { converted } from "../testing/convert.ts";
import { DHCPD } from "../testing/samples.ts";

const SUBNET = "subnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.20 10.77.0.30; }\n";

Deno.test("dhcpd: a whole configuration becomes a valid section", () => {
  const { service, issues, yaml } = converted("dhcpd", DHCPD);
  deepStrictEqual(issues, []);
  deepStrictEqual([service.leaseTime, service.minLeaseTime, service.maxLeaseTime], ["1h", "5m", "2h"]);
  strictEqual(service.options["224"], "0x070a000001666f6f");
  deepStrictEqual(service.subnets[0].options["classless-static-routes"], [
    { destination: "10.99.0.0/24", router: "10.77.0.1" },
  ]);
  match(yaml, /^ {2}maxLeaseTime: 2h # line 4$/m);
});

Deno.test("dhcpd: what could not be carried over is listed with its line", () => {
  const { findings } = converted("dhcpd", DHCPD);
  for (
    const wanted of [
      /^18 lost: an include is not followed/,
      /^29 lost: subclasses by "hardware"/,
      /^45 lost: left out, as it is for some clients only \(allow members of phones\)/,
      /^51 changed: its 2 subnets/,
      /^64 lost: it has no fixed-address/,
      /^65 lost: nodes run no commands/,
    ]
  ) ok(findings.some((finding) => wanted.test(finding)), `${wanted} in\n${findings.join("\n")}`);
});

Deno.test("dhcpd: a pool for some clients only is left out, so that it is not opened to all", () => {
  const pools = (permit: string) => {
    const pool = `pool { ${permit} range 10.80.0.10 10.80.0.20; }`;
    const { service, findings } = converted("dhcpd", `subnet 10.80.0.0 netmask 255.255.255.0 { ${pool} }\n${SUBNET}`);
    return [service.subnets[0].pools, findings.some((finding) => /lost: left out, as it is for some/.test(finding))];
  };
  for (const permit of ['allow members of "phones";', "deny unknown-clients;", 'deny members of "guests";']) {
    deepStrictEqual(pools(permit), [undefined, true], permit);
  }
  for (const permit of ["", "allow unknown-clients;"]) {
    deepStrictEqual(pools(permit), [["10.80.0.10-10.80.0.20"], false], permit);
  }
});

Deno.test("dhcpd: groups and shared networks hand down what they say", () => {
  const { service } = converted("dhcpd", DHCPD);
  const [first, second] = service.subnets;
  deepStrictEqual(second.options["domain-search"], ["a.example.net", "example.net"]);
  deepStrictEqual(first.reservations[0], {
    ...{ hardware: "02:00:00:00:00:01", address: "10.77.0.5", hostname: "printer", nextServer: "10.77.0.71" },
    options: { "root-path": "/srv/nfs" },
  });
  // One host, two fixed addresses: a reservation in each of their subnets.
  strictEqual(first.reservations[1].address, "10.77.0.6");
  strictEqual(second.reservations[0].address, "10.80.0.6");
  strictEqual(second.reservations[0].hostname, "both");
});

Deno.test("dhcpd: conditions outside of everything else become classes, the first one last", () => {
  const { service } = converted("dhcpd", DHCPD);
  const conditional = service.classes.filter(({ name }: { name: string }) => name.startsWith("line-"));
  deepStrictEqual(conditional.map(({ match, bootFile }: { match: unknown; bootFile: string }) => [match, bootFile]), [
    [{ architecture: [7, 9] }, "efi64.efi"],
    [{ userClass: "iPXE" }, "http://10.77.0.80/boot.ipxe"],
  ]);
  strictEqual(service.bootFile, "undionly.kpxe");
});

Deno.test("dhcpd: the first class wins there and the last one here, so they are turned round", () => {
  const { service } = converted("dhcpd", DHCPD);
  deepStrictEqual(service.classes.map(({ name }: { name: string }) => name), ["line-34", "line-32", "phones", "pxe"]);
});

Deno.test("dhcpd: classes of the common forms", () => {
  const { service } = converted("dhcpd", DHCPD);
  const classOf = (name: string) => service.classes.find((one: { name: string }) => one.name === name);
  deepStrictEqual(classOf("pxe").match, { vendorClass: "PXEClient" });
  strictEqual(classOf("pxe").options["vendor-encapsulated-options"], "0x010400000000060108");
  deepStrictEqual(classOf("phones").match, { vendorClass: "Snom" });
  const reason = (condition: string) =>
    converted("dhcpd", `${SUBNET}class "c" { match if ${condition}; filename "x"; }`).findings.join();
  match(reason("not known"), /clients with a reservation/);
  match(reason('option user-class ~= "x"'), /regular expressions/);
  match(reason("hardware = 1:2:3:4:5:6:7"), /no counterpart/);
  strictEqual(reason('substring(option vendor-class-identifier, 0, 3) = "abc" and option pxe-system-type = 0:7'), "");
});

Deno.test("dhcpd: options of every type, its own ones too", () => {
  const option = (text: string) => {
    const { service, findings, issues } = converted("dhcpd", `${text}\n${SUBNET}`);
    deepStrictEqual(issues, []);
    return findings[0] ?? service.options;
  };
  deepStrictEqual(option("option time-offset -3600;"), { "time-offset": -3600 });
  deepStrictEqual(option("option ip-forwarding on;"), { "ip-forwarding": true });
  deepStrictEqual(option("option static-routes 10.1.0.1 10.0.0.1, 10.2.0.1 10.0.0.1;"), {
    "static-routes": [{ destination: "10.1.0.1", router: "10.0.0.1" }, { destination: "10.2.0.1", router: "10.0.0.1" }],
  });
  deepStrictEqual(option("option netbios-node-type 8;"), { "netbios-node-type": 8 });
  deepStrictEqual(option("option slp-directory-agent true 10.0.0.1;"), { "slp-directory-agent": "0x010a000001" });
  deepStrictEqual(option("option vendor-encapsulated-options 01:04:0a:00:00:01;"), {
    "vendor-encapsulated-options": "0x01040a000001",
  });
  deepStrictEqual(option("option option-230 01:ff;"), { "230": "0x01ff" });
  deepStrictEqual(option("option x code 231 = integer 16; option x -2;"), { "231": "0xfffe" });
  deepStrictEqual(option('option x code 232 = string; option x "\\001a";'), { "232": "0x0161" });
  deepStrictEqual(option("option x code 233 = array of ip-address; option x 10.0.0.1, 10.0.0.2;"), {
    "233": "0x0a0000010a000002",
  });
  deepStrictEqual(
    option('option space s; option s.a code 1 = text; option e code 175 = encapsulate s; option s.a "hi";'),
    { "175": "0x01026869" },
  );
  match(option("option routers gw.example.net;"), /"gw.example.net" where an IPv4 address belongs/);
  match(option('option host-name = binary-to-ascii(16, 8, "", hardware);'), /computed by an expression/);
  match(option("option no-such 1;"), /its name is unknown/);
});

Deno.test("dhcpd: a lease time beyond its maximum is the maximum, as with dhcpd", () => {
  const { service, issues } = converted("dhcpd", `default-lease-time 604800;\n${SUBNET}`);
  deepStrictEqual(issues, []);
  deepStrictEqual([service.leaseTime, service.maxLeaseTime], ["1d", "1d"]);
});

Deno.test("dhcpd: what is no configuration is refused with the line", () => {
  const message = (text: string) => {
    try {
      return converted("dhcpd", text).yaml;
    } catch (error) {
      return (error as Error).message;
    }
  };
  strictEqual(message("subnet 10.0.0.0 netmask 255.0.0.0 {\n"), 'line 1: this "{" is not closed');
  strictEqual(message("\n}\n"), 'line 2: "}" closes nothing');
  strictEqual(message('\noption domain-name "a;\n'), 'line 2: a string is not closed; add the closing "');
  strictEqual(message("authoritative"), 'line 1: the statement "authoritative" does not end with ";"');
});

const ARCH = "option arch code 93 = unsigned integer 16;\n";
const PXE = 'substring(option vendor-class-identifier, 0, 9) = "PXEClient"';

interface Given {
  readonly match: unknown;
  readonly bootFile?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

function bootFiles(text: string): unknown[] {
  const { service, issues } = converted("dhcpd", ARCH + text);
  deepStrictEqual(issues, []);
  return [
    service.bootFile,
    ...(service.classes ?? []).map(({ match, bootFile }: Given) => [match, bootFile]),
  ];
}

Deno.test("dhcpd: statements and conditions count in their order", () => {
  const efi = 'if option arch = 00:07 { filename "efi"; }';
  deepStrictEqual(bootFiles(`filename "first"; ${efi} else { filename "bios"; }\n${SUBNET}`), [
    "bios",
    [{ architecture: [7] }, "efi"],
  ]);
  deepStrictEqual(bootFiles(`${efi} filename "late";\n${SUBNET}`), ["late"]);
  const ipxe = 'if option user-class = "iPXE" { filename "menu"; } else { filename "undi"; }';
  deepStrictEqual(bootFiles(`${ipxe} ${efi} else { filename "bios"; }\n${SUBNET}`), [
    "bios",
    [{ architecture: [7] }, "efi"],
  ]);
});

Deno.test("dhcpd: what else says is kept from the clients of the other branches, or listed", () => {
  const { service, findings } = converted(
    "dhcpd",
    `option root-path "all"; if option user-class = "iPXE" { filename "menu"; } else { option root-path "others"; }\n` +
      SUBNET,
  );
  strictEqual(service.options["root-path"], "others");
  deepStrictEqual(service.classes[0].options, { "root-path": "all" });
  deepStrictEqual(findings, []);
  const none = converted(
    "dhcpd",
    `if option user-class = "iPXE" { filename "menu"; } else { option root-path "others"; }\n${SUBNET}`,
  );
  match(none.findings.join(), /1 changed: root-path: clients with user class "iPXE" get what class line-1 says/);
});

Deno.test("dhcpd: conditions within a class, a condition or the only subnet", () => {
  const branches = 'if option arch = 00:07 { filename "x64"; } else if option arch = 00:0b { filename "arm"; } ' +
    'else { filename "bios"; }';
  deepStrictEqual(bootFiles(`class "pxe" { match if ${PXE}; ${branches} }\n${SUBNET}`), [
    undefined,
    [{ vendorClass: "PXEClient" }, "bios"],
    [{ vendorClass: "PXEClient", architecture: [11] }, "arm"],
    [{ vendorClass: "PXEClient", architecture: [7] }, "x64"],
  ]);
  deepStrictEqual(bootFiles(`if ${PXE} { ${branches} }\n${SUBNET}`).slice(1), [
    [{ vendorClass: "PXEClient" }, "bios"],
    [{ vendorClass: "PXEClient", architecture: [11] }, "arm"],
    [{ vendorClass: "PXEClient", architecture: [7] }, "x64"],
  ]);
  const within = (more: string) =>
    converted(
      "dhcpd",
      `${ARCH}subnet 10.1.0.0 netmask 255.255.255.0 { range 10.1.0.5 10.1.0.9; ${branches} }\n${more}`,
    );
  strictEqual(within("").service.bootFile, "bios");
  const several = within("subnet 10.2.0.0 netmask 255.255.255.0 { }");
  strictEqual(several.service.bootFile, undefined);
  match(several.findings.join(), /classes here hold in all/);
});

Deno.test("dhcpd: who is kept out outside of the pool is kept out", () => {
  const pools = (text: string) =>
    converted("dhcpd", text).service.subnets.map(({ pools }: { pools: unknown }) => pools);
  const subnet = (inner: string) => `subnet 10.1.0.0 netmask 255.255.255.0 { ${inner} range 10.1.0.5 10.1.0.9; }`;
  const open = [["10.1.0.5-10.1.0.9"]];
  deepStrictEqual(pools(subnet("")), open);
  for (const closing of ["deny unknown-clients;", "boot-unknown-clients false;", "deny booting;"]) {
    deepStrictEqual(pools(`${closing} ${subnet("")}`), [undefined], closing);
    deepStrictEqual(pools(subnet(closing)), [undefined], closing);
    deepStrictEqual(pools(`shared-network s { ${closing} ${subnet("")} }`), [undefined], closing);
  }
  deepStrictEqual(pools(`deny unknown-clients; ${subnet("allow unknown-clients;")}`), open);
});

Deno.test("dhcpd: permits that keep no DHCP client out leave a pool open", () => {
  const pool = (permits: string, more = "") => {
    const text = `subnet 10.1.0.0 netmask 255.255.255.0 { pool { ${permits} range 10.1.0.5 10.1.0.9; } } ${more}`;
    return converted("dhcpd", text).service.subnets[0].pools;
  };
  const open = ["10.1.0.5-10.1.0.9"];
  for (
    const permits of [
      "deny dynamic bootp clients;",
      "allow all clients;",
      "allow known-clients; allow unknown-clients;",
    ]
  ) deepStrictEqual(pool(permits), open, permits);
  for (const permits of ["deny all clients;", "allow dynamic bootp clients;", "deny unauthenticated clients;"]) {
    strictEqual(pool(permits), undefined, permits);
  }
  // Known clients do not need the pool when each has an address in the subnet.
  const host = (address: string) => `host h { hardware ethernet 02:00:00:00:00:01; fixed-address ${address}; }`;
  deepStrictEqual(pool("deny known-clients;", host("10.1.0.3")), open);
  strictEqual(
    pool("deny known-clients;", `subnet 10.2.0.0 netmask 255.255.255.0 { } ${host("10.2.0.3")}`),
    undefined,
  );
});

Deno.test("dhcpd: values after =, words without quotes, and -1", () => {
  const { service } = converted(
    "dhcpd",
    `filename = concat("a", "b"); server-name = "s"; option root-path = concat("/", "r"); option domain-name lab;\n` +
      `default-lease-time -1; max-lease-time -1;\n${SUBNET}`,
  );
  deepStrictEqual([service.bootFile, service.serverName, service.leaseTime], ["ab", "s", "infinite"]);
  deepStrictEqual(service.options, { "domain-name": "lab", "root-path": "/r" });
  match(converted("dhcpd", `filename = option host-name;\n${SUBNET}`).findings.join(), /computed by an expression/);
});

Deno.test("dhcpd: sub-options add up over the levels", () => {
  const { service } = converted(
    "dhcpd",
    "option space V; option V.z code 0 = text; option V.a code 1 = text; option V.b code 2 = text;\n" +
      'option e code 43 = encapsulate V; option V.a "ga"; option V.b "gb"; option V.z "z";\n' +
      "subnet 10.77.0.0 netmask 255.255.255.0 { }\n" +
      'host h { hardware ethernet 02:00:00:00:00:01; fixed-address 10.77.0.9; option V.b "hb"; }\n',
  );
  strictEqual(service.options["vendor-encapsulated-options"], "0x00017a0102676102026762");
  strictEqual(service.subnets[0].reservations[0].options["vendor-encapsulated-options"], "0x00017a0102676102026862");
});

Deno.test("dhcpd: an option set to nothing is taken back from one host, not from the others", () => {
  const { service, issues } = converted(
    "dhcpd",
    'option domain-name "g.example";\nsubnet 10.77.0.0 netmask 255.255.255.0 { range 10.77.0.20 10.77.0.30; }\n' +
      'host a { hardware ethernet 02:00:00:00:00:01; fixed-address 10.77.0.9; option domain-name ""; }\n' +
      "host b { hardware ethernet 02:00:00:00:00:02; fixed-address 10.77.0.10; }\n",
  );
  deepStrictEqual(issues, []);
  strictEqual(service.options, undefined);
  const [{ pools: [pool], reservations: [a, b] }] = service.subnets;
  deepStrictEqual([pool, a, b].map(({ options }) => options?.["domain-name"]), ["g.example", undefined, "g.example"]);
});
