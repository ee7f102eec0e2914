/**
 * DHCP messages octet for octet, for tests, fuzzing and benchmarks. Those of udhcpc, dhclient, dhcpcd and dnsmasq were
 * captured on a virtual Ethernet; the Windows and iPXE ones follow what these clients are documented to send.
 */

import { fromHex } from "../bytes/hex.ts";

/** Hex with spaces, line ends and `# …` comments. */
function octets(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/#.*$/gm, "").replaceAll(/\s+/g, ""));
  if (bytes === undefined) throw new Error("The packet must be hex");
  return bytes;
}

/** A datagram from the 44 octets up to `sname`, the options, and what pads it. */
function packet(head: string, options: string, bytesMin = 300): Uint8Array {
  const start = octets(head);
  const rest = octets(options);
  const bytes = new Uint8Array(Math.max(236 + rest.length, bytesMin));
  bytes.set(start);
  bytes.set(rest, 236);
  return bytes;
}

/** The messages by sender and kind. */
export const PACKETS = {
  /** BusyBox 1.35, `udhcpc`. */
  udhcpcDiscover: packet(
    `01 01 06 00              # op BOOTREQUEST, htype Ethernet, hlen 6, hops 0
     85ae8010 0000 0000       # xid, secs, flags
     00000000 00000000        # ciaddr, yiaddr
     00000000 00000000        # siaddr, giaddr
     020000000001 00000000000000000000`,
    `63825363                 # cookie
     35 01 01                 # DHCPDISCOVER
     39 02 0240               # maximum message size 576
     37 07 0103060c0f1c2a     # wants mask, routers, DNS, host name, domain, broadcast, NTP
     3c 0c 756468637020312e33352e30  # "udhcp 1.35.0"
     3d 07 01020000000001     # client identifier: Ethernet address
     ff`,
  ),
  udhcpcRequest: packet(
    `01 01 06 00 85ae8010 0000 0000 00000000 00000000 00000000 00000000
     020000000001 00000000000000000000`,
    `63825363
     35 01 03                 # DHCPREQUEST
     32 04 0a4d00b8           # requested 10.77.0.184
     36 04 0a4d0001           # of server 10.77.0.1
     39 02 0240
     37 07 0103060c0f1c2a
     3c 0c 756468637020312e33352e30
     3d 07 01020000000001
     ff`,
  ),
  /** ISC dhclient 4.4, without configuration: no client identifier. */
  dhclientDiscover: packet(
    `01 01 06 00 04a7cc29 0000 0000 00000000 00000000 00000000 00000000
     020000000001 00000000000000000000`,
    `63825363
     35 01 01
     37 07 011c02030f060c     # mask, broadcast, time offset, routers, domain, DNS, host name
     ff`,
  ),
  dhclientRequest: packet(
    `01 01 06 00 04a7cc29 0000 0000 00000000 00000000 00000000 00000000
     020000000001 00000000000000000000`,
    `63825363
     35 01 03
     36 04 0a4d0001
     32 04 0a4d00b8
     37 07 011c02030f060c
     ff`,
  ),
  /** dhcpcd 9.4: classless routes wanted before routers, forcerenew nonce offered, options in no fixed order. */
  dhcpcdDiscover: packet(
    `01 01 06 00 e0ab8aca 0000 0000 00000000 00000000 00000000 00000000
     020000000001 00000000000000000000`,
    `63825363
     35 01 01
     37 07 01031c21333a3b
     39 02 05c0               # 1472
     3c 36 6468637063642d392e342e313a4c696e75782d362e31382e34342d66632d76353935
           3a7838365f36343a47656e75696e65496e74656c
     91 01 01                 # RFC 6704: HMAC-MD5
     ff`,
  ),
  dhcpcdRequest: packet(
    `01 01 06 00 e0ab8aca 0000 0000 00000000 00000000 00000000 00000000
     020000000001 00000000000000000000`,
    `63825363
     32 04 0a4d00b8           # before the message type
     35 01 03
     36 04 0a4d0001
     37 07 01031c21333a3b
     39 02 05c0
     3c 36 6468637063642d392e342e313a4c696e75782d362e31382e34342d66632d76353935
           3a7838365f36343a47656e75696e65496e74656c
     91 01 01
     ff`,
  ),
  /** Windows 10 after sleep: broadcast flag, FQDN, "MSFT 5.0", a long parameter request list. */
  windowsRequest: packet(
    `01 01 06 00 5d1c7e2b 0000 8000 00000000 00000000 00000000 00000000
     00155d0a1b2c 00000000000000000000`,
    `63825363
     35 01 03
     3d 07 0100155d0a1b2c
     32 04 0a4d0105
     36 04 0a4d0001
     0c 0f 4445534b544f502d37485133463231          # "DESKTOP-7HQ3F21"
     51 12 00 00 00 4445534b544f502d37485133463231  # RFC 4702, E clear: ASCII
     3c 08 4d53465420352e30
     37 0e 01 03 06 0f 1f 21 2b 2c 2e 2f 77 79 f9 fc
     ff`,
    342,
  ),
  /** iPXE on UEFI: architecture, UNDI, UUID, its own encapsulated options, and a user class without length octet. */
  ipxeDiscover: packet(
    `01 01 06 00 9f3e0c71 0004 0000 00000000 00000000 00000000 00000000
     525400123456 00000000000000000000`,
    `63825363
     35 01 01
     39 02 05c0
     5d 02 0007               # RFC 4578 §2.1: EFI, x86-64
     5e 03 010310             # UNDI 3.16
     3c 20 505845436c69656e743a417263683a30303030373a554e44493a303033303136
     4d 04 69505845           # "iPXE"
     37 17 01 03 06 07 0c 0f 11 1a 2b 3c 42 43 77 80 81 82 83 84 85 86 87 af cb
     af 06 b1 01 01 eb 01 01  # Etherboot's option 175
     3d 07 01525400123456
     61 11 00 00112233445566778899aabbccddeeff
     ff`,
  ),
  /** dnsmasq's answer to {@link PACKETS.udhcpcRequest}. */
  ack: packet(
    `02 01 06 00              # op BOOTREPLY
     85ae8010 0000 0000
     00000000 0a4d00b8        # ciaddr, yiaddr 10.77.0.184
     0a4d0001 00000000        # siaddr 10.77.0.1, giaddr
     020000000001 00000000000000000000`,
    `63825363
     35 01 05                 # DHCPACK
     36 04 0a4d0001
     33 04 00000e10           # 3600 s
     3a 04 00000708           # T1 1800 s
     3b 04 00000c4e           # T2 3150 s
     01 04 ffffff00
     1c 04 0a4d00ff
     03 04 0a4d0001
     2a 04 0a4d007b
     0f 0b 6578616d706c652e6e6574  # "example.net"
     06 04 0a4d0035
     ff`,
  ),
  /** {@link PACKETS.udhcpcDiscover} behind a relay. */
  relayedDiscover: packet(
    `01 01 06 01              # one hop
     85ae8010 0000 0000
     00000000 00000000
     00000000 0a4d0001        # giaddr 10.77.0.1
     020000000001 00000000000000000000`,
    `63825363
     35 01 01
     39 02 0240
     37 07 0103060c0f1c2a
     3c 0c 756468637020312e33352e30
     3d 07 01020000000001
     52 1a                    # RFC 3046
        01 04 6c616e30        # circuit id "lan0"
        02 06 020000000099    # remote id
        05 04 0a4d0000        # link selection 10.77.0.0
        0b 04 0a4d0001        # server identifier override 10.77.0.1
     ff`,
  ),
} satisfies Record<string, Uint8Array>;
