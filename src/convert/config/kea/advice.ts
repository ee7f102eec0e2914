/** What to do about keys of Kea's configuration that have no counterpart here. */

import { type Advice, lost, needless } from "../findings.ts";
import { own } from "../../own.ts";

const CONTROL = needless("the node has its own: the commands of dhcpcluster-node, and http in node.yaml");
const DDNS = lost("nodes do not update DNS; let clients do it, or a program that reads /events");
const HOSTS = lost("write reservations into the service section, by hardware address or client identifier");
const CLIENT_CLASS = lost(
  "here a class gives options and boot files to its clients, but does not choose subnet or pool",
);
const QUEUES = needless("the node bounds its own queues");

/** For the outermost keys of `Dhcp4`. */
const GLOBAL_ADVICE: Readonly<Record<string, Advice>> = {
  "interfaces-config": needless("set dhcp.address and dhcp.interfaces in node.yaml"),
  "lease-database": needless("nodes keep leases in node.stateDir; dhcpcluster-node import takes over Kea's lease file"),
  "hosts-database": HOSTS,
  "hosts-databases": HOSTS,
  "config-databases": lost("nodes take their configuration from node.yaml and from the leader only"),
  "config-control": lost("nodes take their configuration from node.yaml and from the leader only"),
  "control-socket": CONTROL,
  "control-sockets": CONTROL,
  "hooks-libraries": lost("hooks have no counterpart; the cluster replaces ha, and dhcpcluster-node lease_cmds"),
  "expired-leases-processing": needless("nodes keep ended leases until another client needs the address"),
  loggers: needless("set log in node.yaml"),
  "dhcp-ddns": DDNS,
  "ddns-send-updates": DDNS,
  "ddns-qualifying-suffix": DDNS,
  "ddns-override-client-update": DDNS,
  "ddns-override-no-update": DDNS,
  "ddns-replace-client-name": DDNS,
  "ddns-generated-prefix": DDNS,
  "ddns-update-on-renew": DDNS,
  "ddns-use-conflict-resolution": DDNS,
  "ddns-conflict-resolution-mode": DDNS,
  "hostname-char-set": DDNS,
  "hostname-char-replacement": DDNS,
  "dhcp-queue-control": QUEUES,
  "multi-threading": QUEUES,
  "sanity-checks": needless("nodes check every lease"),
  "server-tag": needless("nodes have node.id"),
  "early-global-reservations-lookup": HOSTS,
  "reservations-lookup-first": needless("reservations are always looked up first"),
  "statistic-default-sample-count": needless("see /metrics"),
  "statistic-default-sample-age": needless("see /metrics"),
  "dhcp4o6-port": lost("DHCPv4 over DHCPv6 is not served"),
  compatibility: lost("nodes always follow the RFCs"),
  "parked-packet-limit": QUEUES,
  "store-extended-info": needless("nodes keep circuit id and remote id with every lease"),
  allocator: needless("nodes give addresses never used first, then the one that ended longest ago"),
  "offer-lifetime": needless("an offered address is kept for its client for a while"),
};

/** For keys that several levels have. */
const COMMON_ADVICE: Readonly<Record<string, Advice>> = {
  "reservations-out-of-pool": needless("reservations inside and outside of pools count"),
  "echo-client-id": lost("the client identifier is always echoed (RFC 6842)"),
  "client-class": CLIENT_CLASS,
  "client-classes": CLIENT_CLASS,
  interface: needless("a node finds the subnet by the relay's address, or by its own on dhcp.interfaces"),
  "4o6-interface": lost("DHCPv4 over DHCPv6 is not served"),
  "4o6-interface-id": lost("DHCPv4 over DHCPv6 is not served"),
  "4o6-subnet": lost("DHCPv4 over DHCPv6 is not served"),
  "cache-threshold": needless("every renewal is written to a majority"),
  "cache-max-age": needless("every renewal is written to a majority"),
  allocator: needless("nodes give addresses never used first, then the one that ended longest ago"),
  "store-extended-info": needless("nodes keep circuit id and remote id with every lease"),
};

/** Settings whose meaning is the behaviour here. */
const AS_HERE = new Set([
  ...["echo-client-id true", "ddns-send-updates false", "ddns-override-no-update false"],
  ...["ddns-override-client-update false", "ddns-update-on-renew false"],
]);

/** The keys that say how Kea updates DNS, which it does where `dhcp-ddns` enables it. */
function isAboutDns(key: string): boolean {
  return key === "dhcp-ddns" || key.startsWith("ddns-") || key.startsWith("hostname-char-");
}

/** The advice for a key, whatever the level; `flag` is its value when it is true or false. */
export function adviceFor(key: string, flag: boolean | undefined, updatesDns: boolean): Advice {
  if (isAboutDns(key) && !updatesDns) return needless("Kea does not update DNS with this file, and nodes do not");
  if (AS_HERE.has(`${key} ${flag}`)) return needless("this is the behaviour here");
  if (isAboutDns(key)) return DDNS;
  return own(COMMON_ADVICE, key) ?? own(GLOBAL_ADVICE, key) ?? lost("has no counterpart here");
}
