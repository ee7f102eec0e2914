import { deepStrictEqual } from "node:assert/strict";
import { clientDestination, type Reply } from "./delivery.ts";
import { BROADCAST_FLAG, MESSAGE_TYPE } from "./message.ts";
import { octets } from "./options/testing.ts";

const { OFFER, ACK, NAK } = MESSAGE_TYPE;
const CLIENT = 0x0a4d0105;
const MAC = octets("020000000001");

const OFFERED: Reply = { ciaddr: 0, yiaddr: CLIENT, flags: 0, htype: 1, chaddr: MAC, messageType: OFFER };

const TO_LINK = { kind: "link", to: CLIENT, mac: MAC, port: 68 };
const TO_IP = { kind: "ip", to: CLIENT, port: 68 };
const TO_ALL = { kind: "broadcast", port: 68 };

function choices(cases: [what: string, change: Partial<Reply>, expected: unknown][]): void {
  for (const [what, change, expected] of cases) {
    deepStrictEqual(clientDestination({ ...OFFERED, ...change }), expected, what);
  }
}

Deno.test("clientDestination(): RFC 2131 §4.1, sentence by sentence", () => {
  choices([
    ["ciaddr", { ciaddr: CLIENT, messageType: ACK }, TO_IP],
    ["ciaddr before the flag", { ciaddr: CLIENT, flags: BROADCAST_FLAG, messageType: ACK }, TO_IP],
    ["flag", { flags: BROADCAST_FLAG }, TO_ALL],
    ["the other flag bits must be zero and mean nothing", { flags: 0x7fff }, TO_LINK],
    ["neither", {}, TO_LINK],
  ]);
});

Deno.test("clientDestination(): DHCPNAK is broadcast", () => {
  choices([
    ["neither", { messageType: NAK, yiaddr: 0 }, TO_ALL],
    ["ciaddr and flag", { messageType: NAK, flags: BROADCAST_FLAG, ciaddr: CLIENT, yiaddr: 0 }, TO_ALL],
  ]);
});

Deno.test("clientDestination(): the answer to DHCPINFORM goes to ciaddr (§4.3.5)", () => {
  choices([["inform", { messageType: ACK, ciaddr: CLIENT, yiaddr: 0 }, TO_IP]]);
});

Deno.test("clientDestination(): what fits into no Ethernet frame is broadcast", () => {
  choices([
    ["other medium", { htype: 32 }, TO_ALL],
    ["no address", { chaddr: octets("") }, TO_ALL],
    ["eight octets", { chaddr: octets("0200000000010203") }, TO_ALL],
    ["zero", { chaddr: octets("000000000000") }, TO_ALL],
    ["a group", { chaddr: octets("01005e000001") }, TO_ALL],
    ["no yiaddr", { yiaddr: 0 }, TO_ALL],
  ]);
});
