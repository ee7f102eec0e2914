import { deepStrictEqual } from "node:assert/strict";
import { clientDestination, type Reply, replyDestination } from "./delivery.ts";
import { BROADCAST_FLAG, MESSAGE_TYPE } from "./message.ts";
import { octets } from "./options/testing.ts";

const { OFFER, ACK, NAK } = MESSAGE_TYPE;
const RELAY = 0x0a4d0001;
const CLIENT = 0x0a4d0105;
const MAC = octets("020000000001");

const OFFERED: Reply = { giaddr: 0, ciaddr: 0, yiaddr: CLIENT, flags: 0, htype: 1, chaddr: MAC, messageType: OFFER };

const TO_LINK = { kind: "link", to: CLIENT, mac: MAC, port: 68 };
const TO_IP = { kind: "ip", to: CLIENT, port: 68 };
const TO_ALL = { kind: "broadcast", port: 68 };
const TO_RELAY = { kind: "relay", to: RELAY, port: 67 };

function choices(cases: [what: string, change: Partial<Reply>, expected: unknown][]): void {
  for (const [what, change, expected] of cases) {
    deepStrictEqual(replyDestination({ ...OFFERED, ...change }), expected, what);
  }
}

Deno.test("replyDestination(): RFC 2131 §4.1, sentence by sentence", () => {
  choices([
    ["giaddr", { giaddr: RELAY }, TO_RELAY],
    ["giaddr before ciaddr and flag", { giaddr: RELAY, ciaddr: CLIENT, flags: BROADCAST_FLAG }, TO_RELAY],
    ["ciaddr", { ciaddr: CLIENT, messageType: ACK }, TO_IP],
    ["ciaddr before the flag", { ciaddr: CLIENT, flags: BROADCAST_FLAG, messageType: ACK }, TO_IP],
    ["flag", { flags: BROADCAST_FLAG }, TO_ALL],
    ["the other flag bits must be zero and mean nothing", { flags: 0x7fff }, TO_LINK],
    ["neither", {}, TO_LINK],
  ]);
});

Deno.test("replyDestination(): DHCPNAK is broadcast, or goes to the relay", () => {
  choices([
    ["no relay", { messageType: NAK, yiaddr: 0 }, TO_ALL],
    ["no relay, ciaddr", { messageType: NAK, ciaddr: CLIENT, yiaddr: 0 }, TO_ALL],
    ["relay", { messageType: NAK, giaddr: RELAY, yiaddr: 0 }, TO_RELAY],
  ]);
});

Deno.test("replyDestination(): the answer to DHCPINFORM goes to ciaddr (§4.3.5)", () => {
  choices([["inform", { messageType: ACK, ciaddr: CLIENT, yiaddr: 0 }, TO_IP]]);
});

Deno.test("replyDestination(): what fits into no Ethernet frame is broadcast", () => {
  choices([
    ["other medium", { htype: 32 }, TO_ALL],
    ["no address", { chaddr: octets("") }, TO_ALL],
    ["eight octets", { chaddr: octets("0200000000010203") }, TO_ALL],
    ["zero", { chaddr: octets("000000000000") }, TO_ALL],
    ["a group", { chaddr: octets("01005e000001") }, TO_ALL],
    ["no yiaddr", { yiaddr: 0 }, TO_ALL],
  ]);
});

Deno.test("clientDestination(): the relay's choice, whatever giaddr is", () => {
  const reply = { ...OFFERED, giaddr: RELAY };
  deepStrictEqual(clientDestination(reply), TO_LINK);
  deepStrictEqual(clientDestination({ ...reply, flags: BROADCAST_FLAG }), TO_ALL);
  deepStrictEqual(clientDestination({ ...reply, ciaddr: CLIENT }), TO_IP);
  deepStrictEqual(clientDestination({ ...reply, messageType: NAK, flags: BROADCAST_FLAG }), TO_ALL);
});
