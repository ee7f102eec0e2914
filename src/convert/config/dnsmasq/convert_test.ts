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
  deepStrictEqual(option("224,text, with comma"), { "224": "0x746578742c7769746820636f6d6d61" });
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
