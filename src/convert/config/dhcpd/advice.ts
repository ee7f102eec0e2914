/** What to do about statements of dhcpd.conf that have no counterpart here. */

import { type Advice, lost, needless } from "../findings.ts";
import { own } from "../../own.ts";

const DDNS = lost("nodes do not update DNS; let clients do it, or a program that reads /events");
const OMAPI = needless("the node has its own: dhcpcluster-node and the HTTP API");
const PING = lost(
  "nodes do not ping an address before the offer; a client that finds it in use declines it (see declineTime)",
);
const FAILOVER = needless("the cluster replaces failover: every node knows every lease");
const LDAP = lost("nodes take their configuration from node.yaml and from the leader only");

/** By the first word. */
export const STATEMENT_ADVICE: Readonly<Record<string, Advice>> = {
  include: lost("an include is not followed; put the file's text in its place and convert again"),
  "ddns-update-style": needless("nodes do not update DNS"),
  "ddns-updates": DDNS,
  "ddns-domainname": DDNS,
  "ddns-hostname": DDNS,
  "ddns-rev-domainname": DDNS,
  "ddns-ttl": DDNS,
  "ddns-dual-stack-mixed-mode": DDNS,
  "ddns-guard-id-must-match": DDNS,
  "ddns-other-guard-is-dynamic": DDNS,
  "update-conflict-detection": DDNS,
  "update-optimization": DDNS,
  "update-static-leases": DDNS,
  "do-forward-updates": DDNS,
  zone: DDNS,
  key: DDNS,
  "log-facility": needless("set log in node.yaml"),
  "lease-file-name": needless("nodes keep leases in node.stateDir; dhcpcluster-node import takes over dhcpd.leases"),
  "pid-file-name": needless("systemd knows the node's process"),
  "local-port": needless("set dhcp.port in node.yaml"),
  "remote-port": needless("replies go to port 67 of the relay, or 68 of the client"),
  "local-address": needless("set dhcp.address in node.yaml"),
  "server-identifier": needless("a node answers with dhcp.address, or with what the relay asks for"),
  "omapi-port": OMAPI,
  "omapi-key": OMAPI,
  failover: FAILOVER,
  "one-lease-per-client": needless("a client has one lease in a subnet"),
  "ping-check": PING,
  "ping-timeout": PING,
  "ping-timeout-ms": PING,
  "dynamic-bootp-lease-cutoff": lost("BOOTP is not served; reserve addresses and let the devices use DHCP"),
  "dynamic-bootp-lease-length": lost("BOOTP is not served; reserve addresses and let the devices use DHCP"),
  "get-lease-hostnames": lost("host names come from reservations only"),
  "use-lease-addr-for-default-route": lost("set the option routers"),
  "always-broadcast": needless("replies are broadcast when the client asks for it"),
  "always-reply-rfc1048": needless("replies are those of RFC 2131"),
  "min-secs": lost("every request is answered at once; the relay chooses the node"),
  "stash-agent-options": needless("circuit id and remote id are kept with every lease"),
  "infinite-is-reserved": needless("set leaseTime to infinite for a reservation"),
  "adaptive-lease-time-threshold": lost("lease times do not depend on how full a pool is"),
  "lease-id-format": needless("lease identifiers are in hexadecimal"),
  "db-time-format": needless("nodes keep leases in SQLite"),
  "delayed-ack": needless("nodes commit leases in groups by themselves"),
  "max-ack-delay": needless("nodes commit leases in groups by themselves"),
  "use-eui-64": lost("it is about DHCPv6"),
  "limit-addrs-per-ia": needless("it is about DHCPv6"),
  "limit-prefs-per-ia": needless("it is about DHCPv6"),
  dhcpv6: needless("it is about DHCPv6"),
  subnet6: lost("DHCPv6 is not served; keep dhcpd for it"),
  "shared-network6": lost("DHCPv6 is not served; keep dhcpd for it"),
  "ldap-server": LDAP,
  "ldap-base-dn": LDAP,
  "ldap-method": LDAP,
  on: lost("nodes run no commands; a program that reads /events can"),
  execute: lost("nodes run no commands; a program that reads /events can"),
  log: needless("nodes log every lease at level debug"),
  set: lost("variables have no counterpart"),
  unset: lost("variables have no counterpart"),
  eval: lost("expressions have no counterpart"),
  switch: lost("make a class of each case"),
  if: lost("make a class of each case; conditions outside of subnets, pools, groups and hosts are converted"),
  elsif: lost("make a class of each case"),
  else: lost("make a class of each case"),
  default: lost("make a class of each case"),
  prepend: lost("give the whole value where it is needed"),
  append: lost("give the whole value where it is needed"),
  supersede: lost("set the option itself"),
  spawn: lost("classes that make classes have no counterpart"),
  lease: lost("a number of leases per class has no counterpart"),
};

/** By what follows `allow` or `deny`; pools and unknown clients aside. */
const SWITCHES: Readonly<Record<string, Advice>> = {
  bootp: needless("BOOTP is not served"),
  "client-updates": needless("nodes do not update DNS"),
  duplicates: needless("a client is known by its client identifier, or else by its hardware address"),
  declines: needless("a declined address rests for declineTime"),
};

/** For `allow`, `deny` and `ignore` outside of pools. */
export function switchAdvice(verb: string, what: string): Advice {
  if (what === "leasequery") {
    return verb === "allow"
      ? lost("DHCPLEASEQUERY is not answered; ask GET /leases")
      : needless("DHCPLEASEQUERY is not answered");
  }
  return own(SWITCHES, what) ?? lost("has no counterpart outside of a pool");
}
