/** What to do about settings of dnsmasq that have no counterpart here. */

import { type Advice, lost, needless } from "../findings.ts";
import { own } from "../../own.ts";

const ELSEWHERE = lost("other files are not read; put their lines in its place and convert again");
const ADDRESSES = needless("set dhcp.address and dhcp.interfaces in node.yaml");
const TFTP = lost("nodes serve no files; keep dnsmasq for TFTP, without its dhcp- lines");
const TAGS = lost(
  "classes match vendor class, user class and architecture only; reserve addresses for other clients",
);
const SCRIPT = lost("nodes run no commands; a program that reads /events can");
const NAMES = needless("host names come from reservations only, and nodes answer no DNS");
const IPV6 = needless("DHCPv6 and router advertisements are not served; keep dnsmasq for them");
const DNS = needless("it is about DNS; keep dnsmasq for it, without its dhcp- lines");

/** By name. */
const SETTING_ADVICE: Readonly<Record<string, Advice>> = {
  "conf-file": ELSEWHERE,
  "conf-dir": ELSEWHERE,
  "conf-script": ELSEWHERE,
  "dhcp-hostsfile": ELSEWHERE,
  "dhcp-hostsdir": ELSEWHERE,
  "dhcp-optsfile": ELSEWHERE,
  "dhcp-optsdir": ELSEWHERE,
  "read-ethers": ELSEWHERE,
  interface: ADDRESSES,
  "except-interface": ADDRESSES,
  "no-dhcp-interface": ADDRESSES,
  "no-dhcpv4-interface": ADDRESSES,
  "listen-address": ADDRESSES,
  "bind-interfaces": ADDRESSES,
  "bind-dynamic": ADDRESSES,
  "bridge-interface": ADDRESSES,
  "dhcp-leasefile": needless("nodes keep leases in node.stateDir; dhcpcluster-node import takes over dnsmasq's file"),
  "leasefile-ro": needless("nodes keep leases in node.stateDir"),
  "dhcp-lease-max": needless("a pool has as many leases as addresses"),
  "dhcp-no-override": needless("boot file and server name stand in fields, and in options when a client asks for them"),
  "dhcp-sequential-ip": needless("nodes give addresses never used first, then the one that ended longest ago"),
  "no-ping": needless("nodes do not ping an address before the offer"),
  "log-dhcp": needless("set log.level to debug in node.yaml"),
  "quiet-dhcp": needless("set log.level in node.yaml"),
  "log-facility": needless("set log in node.yaml"),
  "dhcp-alternate-port": lost("set dhcp.port in node.yaml; replies go to port 68 of the client"),
  "dhcp-relay": lost("set up dhcpcluster-relay on that machine"),
  "dhcp-proxy": lost("relays send server identifier override (RFC 5107) for this"),
  "shared-network": lost("a relay's subnet is the one its address lies in; let it send link selection (RFC 3527)"),
  "dhcp-mac": TAGS,
  "dhcp-circuitid": TAGS,
  "dhcp-remoteid": TAGS,
  "dhcp-subscrid": TAGS,
  "dhcp-name-match": TAGS,
  "tag-if": TAGS,
  "dhcp-ignore-names": NAMES,
  "dhcp-generate-names": NAMES,
  "dhcp-fqdn": NAMES,
  "dhcp-client-update": NAMES,
  "dhcp-ttl": NAMES,
  "dhcp-broadcast": needless("replies are broadcast when the client asks for it"),
  "dhcp-reply-delay": lost("every request is answered at once"),
  "bootp-dynamic": lost("BOOTP is not served; reserve addresses and let the devices use DHCP"),
  "pxe-service": lost("PXE menus have no counterpart; make a class with a boot file of each architecture"),
  "pxe-prompt": lost("PXE menus have no counterpart; make a class with a boot file of each architecture"),
  "dhcp-pxe-vendor": needless("classes match vendor classes"),
  "enable-tftp": TFTP,
  "tftp-root": TFTP,
  "tftp-no-fail": TFTP,
  "tftp-secure": TFTP,
  "tftp-unique-root": TFTP,
  "tftp-max": TFTP,
  "tftp-mtu": TFTP,
  "tftp-no-blocksize": TFTP,
  "tftp-port-range": TFTP,
  "tftp-lowercase": TFTP,
  "tftp-single-port": TFTP,
  "dhcp-script": SCRIPT,
  "dhcp-scriptuser": SCRIPT,
  "dhcp-luascript": SCRIPT,
  "script-arp": SCRIPT,
  "script-on-renewal": SCRIPT,
  "enable-ra": IPV6,
  "ra-param": IPV6,
  "dhcp-duid": IPV6,
  user: needless("systemd starts the node as a user of its own"),
  group: needless("systemd starts the node as a user of its own"),
  "pid-file": needless("systemd knows the node's process"),
  "keep-in-foreground": needless("a node stays in the foreground"),
  "no-daemon": needless("a node stays in the foreground"),
  "enable-dbus": needless("the node has its own: dhcpcluster-node and the HTTP API"),
  "enable-ubus": needless("the node has its own: dhcpcluster-node and the HTTP API"),
};

/** Settings that are about DNS alone. */
const ABOUT_DNS = new Set([
  ...["port", "domain-needed", "bogus-priv", "filterwin2k", "resolv-file", "strict-order", "no-resolv", "no-poll"],
  ...[
    "server",
    "rev-server",
    "local",
    "address",
    "ipset",
    "nftset",
    "no-hosts",
    "addn-hosts",
    "hostsdir",
    "expand-hosts",
  ],
  ...["cache-size", "no-negcache", "neg-ttl", "local-ttl", "max-ttl", "max-cache-ttl", "min-cache-ttl", "auth-ttl"],
  ...["bogus-nxdomain", "ignore-address", "mx-host", "mx-target", "localmx", "selfmx", "srv-host", "ptr-record"],
  ...["txt-record", "naptr-record", "caa-record", "dns-rr", "host-record", "dynamic-host", "cname", "interface-name"],
  ...["synth-domain", "log-queries", "log-async", "log-debug", "dnssec", "trust-anchor", "dnssec-check-unsigned"],
  ...["dnssec-no-timecheck", "dnssec-timestamp", "proxy-dnssec", "conntrack", "stop-dns-rebind", "rebind-localhost-ok"],
  ...["rebind-domain-ok", "all-servers", "fast-dns-retry", "dns-loop-detect", "clear-on-reload", "query-port"],
  ...["min-port", "max-port", "edns-packet-max", "dns-forward-max", "add-mac", "add-cpe-id", "add-subnet", "umbrella"],
  ...["auth-server", "auth-zone", "auth-soa", "auth-sec-servers", "auth-peer", "local-service", "localise-queries"],
  ...[
    "servers-file",
    "domain-suffix",
    "dumpfile",
    "dumpmask",
    "use-stale-cache",
    "filter-A",
    "filter-AAAA",
    "filter-rr",
  ],
  ...["strip-mac", "strip-subnet", "connmark-allowlist", "connmark-allowlist-enable", "max-tcp-connections", "alias"],
  ...["no-round-robin", "port-limit", "cache-rr", "no-ident", "do-0x20-encode", "no-0x20-encode"],
]);

/** The advice for a setting. */
export function settingAdvice(name: string): Advice {
  return own(SETTING_ADVICE, name) ?? (ABOUT_DNS.has(name) ? DNS : lost("has no counterpart here"));
}
