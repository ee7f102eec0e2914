/**
 * The servers that people switch from, attached to the first client network at the gateway: Kea, ISC dhcpd and dnsmasq
 * with configurations that say the same, each in its own words.
 */

import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";
import { until } from "../lab/wait.ts";

const READY_MS = 15_000;

/** One of these servers. */
export interface Original {
  readonly name: "kea" | "dhcpd" | "dnsmasq";
  /** The configuration for a folder of its own; 10.77.0.50 is reserved for the hardware address `reserved`. */
  configuration(folder: string, reserved: string): string;
  /** The server's own command to check the configuration. */
  check(file: string): readonly string[];
  readonly command: (file: string, folder: string) => readonly string[];
  /** In its folder. */
  readonly leases: string;
}

const kea: Original = {
  name: "kea",
  leases: "kea-leases4.csv",
  configuration: (folder, reserved) =>
    `// Kea, with what sites use.
{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "lan0" ] },
  "lease-database": { "type": "memfile", "persist": true, "name": "${folder}/kea-leases4.csv" },
  "valid-lifetime": 1200, "min-valid-lifetime": 600, "max-valid-lifetime": 2400, /* seconds */
  "renew-timer": 500, "rebind-timer": 900,
  "authoritative": true,
  "option-data": [
    { "name": "domain-name-servers", "data": "10.77.0.53, 10.77.0.54" },
    { "name": "domain-name", "data": "example.net" }
  ],
  "client-classes": [ {
    "name": "busybox", "test": "substring(option[60].hex,0,5) == 'udhcp'",
    "option-data": [ { "name": "ntp-servers", "data": "10.77.0.123" } ]
  }, {
    "name": "also", "test": "substring(option[60].hex,0,4) == 'udhc'",
    "option-data": [ { "name": "ntp-servers", "data": "10.77.0.124" } ]
  } ],
  "subnet4": [ {
    "id": 1, "subnet": "10.77.0.0/24", # the clients
    "pools": [ { "pool": "10.77.0.20 - 10.77.0.40" } ],
    "option-data": [ { "name": "routers", "data": "10.77.0.1" } ],
    "reservations": [ { "hw-address": "${reserved}", "ip-address": "10.77.0.50", "hostname": "printer" } ]
  } ],
  "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
} }
`,
  check: (file) => ["kea-dhcp4", "-t", file],
  command: (file, folder) => [
    ...["env", `KEA_PIDFILE_DIR=${folder}`, `KEA_LOCKFILE_DIR=${folder}`, "kea-dhcp4", "-c", file],
  ],
};

const dhcpd: Original = {
  name: "dhcpd",
  leases: "dhcpd.leases",
  configuration: (_folder, reserved) =>
    `# dhcpd, with what sites use.
default-lease-time 1200; min-lease-time 600; max-lease-time 2400;
authoritative;
ping-check off;
ddns-update-style none;
option domain-name-servers 10.77.0.53, 10.77.0.54;
option domain-name "example.net";
class "busybox" {
  match if substring (option vendor-class-identifier, 0, 5) = "udhcp";
  option ntp-servers 10.77.0.123;
}
class "also" {
  match if substring (option vendor-class-identifier, 0, 4) = "udhc";
  option ntp-servers 10.77.0.124;
}
subnet 10.77.0.0 netmask 255.255.255.0 {
  option routers 10.77.0.1;
  pool { range 10.77.0.20 10.77.0.40; }
}
group {
  use-host-decl-names on;
  host printer { hardware ethernet ${reserved}; fixed-address 10.77.0.50; }
}
`,
  check: (file) => ["dhcpd", "-t", "-cf", file],
  command: (file, folder) => [
    ...["dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", file, "-lf", `${folder}/dhcpd.leases`, "lan0"],
  ],
};

const dnsmasq: Original = {
  name: "dnsmasq",
  leases: "dnsmasq.leases",
  configuration: (folder, reserved) =>
    `# dnsmasq, with what sites use.
port=0
interface=lan0
bind-interfaces
no-ping
dhcp-authoritative
dhcp-leasefile=${folder}/dnsmasq.leases
domain=example.net
dhcp-range=set:clients,10.77.0.20,10.77.0.40,255.255.255.0,20m
dhcp-option=tag:clients,option:router,10.77.0.1
dhcp-option=option:dns-server,10.77.0.53,10.77.0.54
dhcp-host=${reserved},10.77.0.50,printer
dhcp-vendorclass=set:busybox,udhcp
dhcp-vendorclass=set:also,udhc
dhcp-option=tag:busybox,option:ntp-server,10.77.0.123
dhcp-option=tag:also,option:ntp-server,10.77.0.124
`,
  check: (file) => ["dnsmasq", "--test", `--conf-file=${file}`],
  command: (file) => [
    ...["dnsmasq", "--keep-in-foreground", `--conf-file=${file}`, "--user=root", "--log-facility=-", "--pid-file="],
  ],
};

export const ORIGINALS = { kea, dhcpd, dnsmasq } as const;

/** Writes the configuration, checks it with the server's command, and starts the server. */
export async function startOriginal(
  original: Original,
  host: Namespace,
  file: string,
  folder: string,
): Promise<Process> {
  await host.exec(original.check(file));
  const leases = `${folder}/${original.leases}`;
  // dhcpd needs an existing lease file.
  if (original.name === "dhcpd") await Deno.writeTextFile(leases, "", { create: true, append: true });
  const process = host.spawn(original.command(file, folder), { label: original.name });
  await until(`${original.name} to listen`, READY_MS, () => {
    process.mustRun();
    return process.udpPortBound(67);
  });
  return process;
}
