/**
 * Documentation of each key of relay.yaml, for the guide and editors: its default as written in the file, and one line.
 */

export const RELAY_KEYS = {
  "relay.interfaces": ["required", "client-facing interfaces"],
  "relay.interfaces[].name": [
    "required",
    "name of the interface: physical, bridge, VLAN, veth, any that carries IPv4",
  ],
  "relay.interfaces[].address": [
    "see below",
    "`giaddr`: its first IPv4 address, or any of this machine that the nodes have a route to",
  ],
  "relay.interfaces[].secondary": [
    "see below",
    "`giaddr`s of further subnets on it (its addresses there); `[]`: none",
  ],
  "relay.interfaces[].trusted": ["false", "accept `giaddr` and option 82 set by relays and switches behind it"],
  "relay.interfaces[].option82": [
    "forward",
    "policy for a trusted device's option 82: `forward`, `append`, `replace`, `drop`",
  ],
  "relay.interfaces[].circuitId": [
    "see below",
    "text, or hexadecimal after `0x`, like all ids; at most 56 octets; default: the name",
  ],
  "relay.interfaces[].remoteId": ["see below", "overrides `relay.remoteId` for this interface"],
  "relay.interfaces[].subscriberId": ["none", "subscriber id of the customer behind it (RFC 3993)"],
  "relay.interfaces[].knownServers": [
    "[]",
    "legitimate DHCP servers on the link, such as a second relay's address",
  ],
  "relay.site": ["none", "any name; nodes of the same site are preferred"],
  "relay.hopsMax": ["4", "drop requests with more hops than this; 16 or more are always dropped"],
  "relay.remoteId": ["see below", "remote id for all interfaces; default: each interface's hardware address"],
  "relay.relayId": ["none", "relay id, independent of the interfaces (RFC 6925)"],
  "relay.limits.client": ["{ perSecond: 10, burst: 30 }", "messages per hardware address"],
  "relay.limits.client.perSecond": ["10", "average rate"],
  "relay.limits.client.burst": ["30", "burst"],
  "relay.limits.interface": ["{ perSecond: 50000, burst: 50000 }", "messages per interface"],
  "relay.limits.interface.perSecond": ["50000", "average rate"],
  "relay.limits.interface.burst": ["50000", "burst"],
  "relay.limits.openPerCircuit": [
    "10000",
    "unanswered transactions per interface, or per port of a trusted switch",
  ],
  "relay.linkSelection": ["true", "add the link selection sub-option (RFC 3527)"],
  "relay.serverIdentifierOverride": ["true", "add the override and flags sub-options (RFC 5107, RFC 5010)"],
  "relay.port": ["67", "UDP port of the relay; change it only for tests and demonstrations"],
  "relay.clientPort": ["68", "UDP port of clients; change it only for tests and demonstrations"],
  "nodes": ["required", "the nodes, or other DHCP servers"],
  "nodes[].id": ["required", "1 to 255; identifies the node in logs and metrics"],
  "nodes[].address": ["required", "requests go to it, and replies are accepted only from it"],
  "nodes[].port": ["67", "its UDP port"],
  "nodes[].health": ["http://ADDRESS:8067/readyz", "requested every `probe.interval`; 200 means ready"],
  "nodes[].weight": ["1", "1 to 100: the node's round-trip time is divided by it"],
  "nodes[].site": ["none", "any name; see `relay.site`"],
  "probe.interval": ["1s", "interval between probes of a node"],
  "probe.timeout": ["500ms", "a later answer counts as lost"],
  "probe.ping": ["true", "`false`: measure round-trip times by HTTP only"],
  "http.address": ["127.0.0.1", "address of health, metrics and dashboard"],
  "http.port": ["8068", "its TCP port"],
  "log.level": ["info", "`trace`, `debug`, `info`, `warning`, `error` or `fatal`"],
  "log.format": ["text", "`text`, or `json` for one JSON object per line"],
} as const satisfies Readonly<Record<string, readonly [fallback: string, meaning: string]>>;
