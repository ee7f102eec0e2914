import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { converted } from "../testing/convert.ts";
import { DNSMASQ } from "../testing/samples.ts";

const RANGE = "dhcp-range=10.77.0.20,10.77.0.30,255.255.255.0,1h\n";

Deno.test("dnsmasq: a whole configuration becomes a valid section", () => {
  const { service, issues, yaml } = converted("dnsmasq", DNSMASQ);
  deepStrictEqual(issues, []);
  const [lan, guest, fixed] = service.subnets;
  deepStrictEqual([lan.leaseTime, lan.minLeaseTime, lan.maxLeaseTime], ["12h", "2m", "12h"]);
  deepStrictEqual(lan.options, { routers: ["10.77.0.1"], "domain-name-servers": ["10.77.0.53", "10.77.0.54"] });
  deepStrictEqual(guest.options, { routers: ["10.78.0.1"] });
  strictEqual(fixed.pools, undefined);
  deepStrictEqual(fixed.reservations, [{ clientId: "0x636f6e66", address: "10.79.0.8" }]);
  deepStrictEqual(lan.reservations[1], {
    ...{ hardware: "02:00:00:00:00:02", address: "10.77.0.6", options: { "root-path": "/srv/blue, x" } },
  });
  match(yaml, /- 10\.77\.0\.20-10\.77\.0\.200 # line 9$/m);
});

Deno.test("dnsmasq: what could not be carried over is listed with its line", () => {
  const { findings } = converted("dnsmasq", DNSMASQ);
  for (
    const wanted of [
      /^2 needless: it is about DNS/,
      /^10 changed: it gives no netmask/,
      /^11 lost: dnsmasq gives its own address for routers/,
      /^12 needless: DHCPv6/,
      /^17 lost: its client is known by its name only/,
      /^18 lost: clients can't be refused/,
      /^20 lost: "02:00:00:\*:00:04"/,
      /^40 changed: serverName: clients with user class "iPXE" get what class !ipxe says/,
      /^43 lost: other files are not read/,
    ]
  ) ok(findings.some((finding) => wanted.test(finding)), `${wanted} in\n${findings.join("\n")}`);
});

Deno.test("dnsmasq: tags of matches become classes in the order of the file, and exclusions are kept", () => {
  const { service } = converted("dnsmasq", DNSMASQ);
  deepStrictEqual(service.classes.map((one: { name: string; match: unknown }) => [one.name, one.match]), [
    ["vendor-PXEClient", { vendorClass: "PXEClient" }],
    ["efi+!ipxe", { architecture: [7, 9] }],
    ["ipxe", { userClass: "iPXE" }],
  ]);
  // The later line for all that comes in by eth0 wins over that for Snom's telephones.
  strictEqual(service.options["tftp-server-name"], "10.77.0.70");
  strictEqual(service.bootFile, "undionly.kpxe");
  strictEqual(service.classes[0].options["vendor-encapsulated-options"], "0x060102ff");
});

Deno.test("dnsmasq: every form of dhcp-host", () => {
  const host = (text: string) => {
    const { service, findings, issues } = converted("dnsmasq", `port=0\ndhcp-option=3\n${RANGE}dhcp-host=${text}\n`);
    deepStrictEqual(issues, []);
    return service.subnets[0].reservations?.[0] ?? findings.at(-1);
  };
  const hardware = "02:00:00:00:00:01";
  deepStrictEqual(host("2:0:0:0:0:1,10.77.0.5"), { hardware, address: "10.77.0.5" });
  deepStrictEqual(host("10.77.0.5,02-00-00-00-00-01,name"), { hardware, address: "10.77.0.5", hostname: "name" });
  deepStrictEqual(host("02:00:00:00:00:01,id:*,10.77.0.5"), { hardware, address: "10.77.0.5" });
  deepStrictEqual(host("id:ff:01:02,10.77.0.5"), { clientId: "0xff0102", address: "10.77.0.5" });
  deepStrictEqual(host("02:00:00:00:00:01,10.77.0.5,45m"), {
    ...{ hardware, address: "10.77.0.5", leaseTime: "45m", minLeaseTime: "2m", maxLeaseTime: "45m" },
  });
  match(host("02:00:00:00:00:01,name"), /reserves no address/);
  match(host("06-02:00:00:00:00:01,10.77.0.5"), /not the address of one Ethernet interface/);
  match(host("02:00:00:00:00:01,10.78.0.5"), /none of the subnets/);
});

Deno.test("dnsmasq: options by name and number, of known and unknown type", () => {
  const option = (text: string) => {
    const { service, findings, issues } = converted(
      "dnsmasq",
      `port=0\n${RANGE}dhcp-option=3,10.77.0.1\ndhcp-option=${text}\n`,
    );
    deepStrictEqual(issues, []);
    const { routers: _, ...options } = service.options;
    return findings.filter((finding) => !finding.includes("DNS"))[0] ??
      (Object.keys(options).length > 0 ? options : service.renewTime);
  };
  deepStrictEqual(option("option:mtu,1400"), { "interface-mtu": 1400 });
  deepStrictEqual(option("19,1"), { "ip-forwarding": true });
  deepStrictEqual(option('15,"example.net"'), { "domain-name": "example.net" });
  deepStrictEqual(option("224,10.0.0.1,10.0.0.2"), { "224": "0x0a0000010a000002" });
  deepStrictEqual(option("224,7"), { "224": "0x07" });
  deepStrictEqual(option("224,7s"), { "224": "0x0007" });
  deepStrictEqual(option("224,text, with comma"), { "224": "0x746578742c207769746820636f6d6d61" });
  deepStrictEqual(option("option:sip-server,sip.example.net"), { "sip-servers": ["sip.example.net"] });
  deepStrictEqual(option("option:T1,20m"), "20m");
  match(option("6,0.0.0.0"), /dnsmasq's own address/);
  match(option(`encap:175,1,${"x".repeat(256)}`), /longer than 255 octets/);
  match(option("option:no-such,1"), /is unknown/);
  deepStrictEqual(option("tag:!x,6,10.0.0.1"), { "domain-name-servers": ["10.0.0.1"] });
  match(option("tag:!known,6,10.0.0.1"), /"not known" has no counterpart/);
});

Deno.test("dnsmasq: several ranges of one network are one subnet, with their own lease times", () => {
  const { service } = converted(
    "dnsmasq",
    "dhcp-range=10.77.0.20,10.77.0.30,255.255.255.0,1h\ndhcp-range=10.77.0.40,10.77.0.50,255.255.255.0,10m\n",
  );
  strictEqual(service.subnets.length, 1);
  deepStrictEqual(service.subnets[0].pools, [
    "10.77.0.20-10.77.0.30",
    { range: "10.77.0.40-10.77.0.50", leaseTime: "10m", minLeaseTime: "2m", maxLeaseTime: "10m" },
  ]);
});

Deno.test("dnsmasq: of several boot lines that match, the last one in the file counts", () => {
  const files = (...lines: string[]) => {
    const { service } = converted("dnsmasq", `port=0\ndhcp-option=3\n${RANGE}${MATCHES}${lines.join("\n")}\n`);
    return [service.bootFile, ...(service.classes ?? []).map(({ bootFile }: { bootFile: string }) => bootFile)];
  };
  deepStrictEqual(files("dhcp-boot=tag:efi,a", "dhcp-boot=tag:ipxe,b"), [undefined, "a", "b"]);
  deepStrictEqual(files("dhcp-boot=tag:ipxe,b", "dhcp-boot=tag:efi,a"), [undefined, "b", "a"]);
  deepStrictEqual(files("dhcp-boot=tag:efi,tag:ipxe,both", "dhcp-boot=tag:efi,a", "dhcp-boot=all"), ["all", "a"]);
});

const MATCHES = "dhcp-match=set:efi,option:client-arch,7\ndhcp-userclass=set:ipxe,iPXE\n";

Deno.test("dnsmasq: a tag with an option of no value takes it back", () => {
  const { service, findings } = converted(
    "dnsmasq",
    "port=0\ndhcp-range=set:a,10.1.0.20,10.1.0.30,255.255.255.0\ndhcp-range=set:b,10.2.0.20,10.2.0.30,255.255.255.0\n" +
      "dhcp-option=3,10.1.0.1\ndhcp-option=tag:b,3\n",
  );
  deepStrictEqual(findings.filter((one) => !one.includes("needless")), []);
  deepStrictEqual(service.subnets.map(({ options }: { options?: object }) => options), [
    { routers: ["10.1.0.1"] },
    undefined,
  ]);
});

Deno.test("dnsmasq: tags without a word in front, as old files and OpenWrt have them", () => {
  const { service, findings } = converted(
    "dnsmasq",
    "port=0\ndhcp-range=lan,10.1.0.20,10.1.0.30,255.255.255.0\ndhcp-option=lan,3,10.1.0.1\n" +
      "dhcp-vendorclass=acme,Acme\ndhcp-option=acme,66,10.1.0.7\n",
  );
  deepStrictEqual(findings.filter((one) => one.includes("lost")), []);
  deepStrictEqual(service.subnets[0].options, { routers: ["10.1.0.1"] });
  deepStrictEqual(service.classes[0].options, { "tftp-server-name": "10.1.0.7" });
});

Deno.test("dnsmasq: what stands in quotes is text", () => {
  const { service } = converted(
    "dnsmasq",
    `${RANGE}dhcp-option=201,"5"\ndhcp-option=202,5\ndhcp-option=203,"01:02"\ndhcp-option=204,01:02\n`,
  );
  deepStrictEqual(service.options, { "201": "0x35", "202": "0x05", "203": "0x30313a3032", "204": "0x0102" });
});

Deno.test("dnsmasq: clients that are ignored are kept out, or listed", () => {
  const ignoring = (line: string) => {
    const { service, findings } = converted(
      "dnsmasq",
      `port=0\ndhcp-range=set:lan,10.77.0.20,10.77.0.30,255.255.255.0\n${MATCHES}` +
        `dhcp-host=02:00:00:00:00:01,10.77.0.9\n${line}\n`,
    );
    const [{ pools, reservations }] = service.subnets;
    return [pools?.length, reservations?.length, findings.some((one) => /lost: (?:left out|clients can't)/.test(one))];
  };
  deepStrictEqual(ignoring(""), [1, 1, false]);
  deepStrictEqual(ignoring("dhcp-ignore=tag:!known"), [undefined, 1, true]);
  // The tag of a range is not set yet when dnsmasq looks at the line.
  deepStrictEqual(ignoring("dhcp-ignore=tag:lan"), [1, 1, false]);
  deepStrictEqual(ignoring("dhcp-ignore=tag:!lan"), [undefined, undefined, true]);
  deepStrictEqual(ignoring("dhcp-ignore=tag:efi"), [1, 1, true]);
  deepStrictEqual(ignoring("dhcp-ignore=tag:!efi"), [undefined, undefined, true]);
});

Deno.test("dnsmasq: a domain for a range of addresses divides the pool", () => {
  const { service } = converted(
    "dnsmasq",
    "port=0\ndhcp-range=10.77.0.20,10.77.0.40,255.255.255.0\ndomain=part.example,10.77.0.30,10.77.0.35\n",
  );
  deepStrictEqual(service.subnets[0].pools, [
    "10.77.0.20-10.77.0.29",
    { range: "10.77.0.30-10.77.0.35", options: { "domain-name": "part.example" } },
    "10.77.0.36-10.77.0.40",
  ]);
});

Deno.test("dnsmasq: a host with an odd identity beside a good one keeps its reservation", () => {
  const { service, findings } = converted(
    "dnsmasq",
    "port=0\ndhcp-range=10.77.0.20,10.77.0.40,255.255.255.0\n" +
      "dhcp-host=02:00:00:00:00:44,10.77.0.9,nas,01:02:00:00:00:00:44\n",
  );
  strictEqual(service.subnets[0].reservations[0].hardware, "02:00:00:00:00:44");
  match(findings.join(), /3 changed: "01:02:00:00:00:00:44" is not the address of one Ethernet interface/);
});
