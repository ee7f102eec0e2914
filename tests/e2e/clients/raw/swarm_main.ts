/**
 * Many emulated clients on one interface; `swarm.ts` starts it in a client's namespace.
 *
 * Takes one {@link SwarmOrder} as JSON argument and prints one {@link SwarmAnswer} as JSON line per client, at the
 * moment of its DHCPACK.
 */

import { createSocket } from "node:dgram";
import { type Dhcp, readDhcp } from "../../lab/dhcp_frame.ts";
import type { SwarmAnswer, SwarmOrder } from "./swarm.ts";
import { chaddrOf, type ClientMessage, encodeClientMessage, octets } from "./wire.ts";

/** Between two transmissions of one message; real clients wait 4 s. */
const RETRANSMIT_MS = 500;

const order = JSON.parse(Deno.args[0] ?? "") as SwarmOrder;
const socket = createSocket({ type: "udp4", reuseAddr: true });
const waiting = new Map<number, (reply: Dhcp) => void>();
let nextXid = crypto.getRandomValues(new Uint32Array(1))[0] as number;

socket.on("message", (bytes: Uint8Array) => {
  const reply = readDhcp(bytes);
  if (reply?.op === 2) waiting.get(reply.xid)?.(reply);
});
await new Promise<void>((resolve) => socket.bind(68, "0.0.0.0", resolve));
socket.setBroadcast(true);

const pending = "leases" in order
  ? order.leases.map(({ client, address }) => () => confirm(client, address))
  : Array.from({ length: order.clients }, (_, index) => () =>
    acquire(order.first + index, order.wishes?.[index % order.wishes.length]));
await Promise.all(Array.from({ length: order.inFlight }, async () => {
  for (let job = pending.shift(); job !== undefined; job = pending.shift()) {
    await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(await job()) + "\n"));
  }
}));
socket.close();

/** DISCOVER, OFFER, REQUEST, ACK (RFC 2131 §3.1); starts again after a NAK (§3.1 step 4). */
async function acquire(client: number, wish: string | undefined): Promise<SwarmAnswer> {
  const discover = { type: "DISCOVER", ...(wish === undefined ? {} : { requestedAddress: octets(wish) }) } as const;
  const end = performance.now() + order.giveUpMs;
  for (;;) {
    const leftMs = end - performance.now();
    if (leftMs <= 0) return { client, answer: "none" };
    const offer = await exchange(client, discover, ["OFFER"], leftMs);
    const serverIdentifier = offer?.options.get(54);
    if (offer === undefined || serverIdentifier === undefined) return { client, answer: "none" };
    const request = { type: "REQUEST", serverIdentifier, requestedAddress: octets(offer.yiaddr) } as const;
    const answer = answerOf(client, await exchange(client, request, ["ACK", "NAK"], end - performance.now()));
    if (answer.answer !== "NAK") return answer;
  }
}

/** A client that remembers its address after a reboot (RFC 2131 §3.2). */
async function confirm(client: number, address: string): Promise<SwarmAnswer> {
  const request = { type: "REQUEST", requestedAddress: octets(address) } as const;
  return answerOf(client, await exchange(client, request, ["ACK", "NAK"], order.giveUpMs));
}

function answerOf(client: number, reply: Dhcp | undefined): SwarmAnswer {
  if (reply === undefined) return { client, answer: "none" };
  return reply.type === "ACK" ? { client, answer: "ACK", address: reply.yiaddr } : { client, answer: "NAK" };
}

/** Sends until a message of one of the wanted types arrives, or the time is over. */
async function exchange(
  client: number,
  message: Pick<ClientMessage, "type" | "requestedAddress" | "serverIdentifier">,
  wanted: readonly Dhcp["type"][],
  giveUpMs: number,
): Promise<Dhcp | undefined> {
  const xid = nextXid = (nextXid + 1) >>> 0;
  const bytes = encodeClientMessage({ ...message, xid, chaddr: chaddrOf(client), broadcast: true });
  return await new Promise((resolve) => {
    const end = (reply?: Dhcp) => {
      waiting.delete(xid);
      clearInterval(retransmission);
      clearTimeout(expiry);
      resolve(reply);
    };
    waiting.set(xid, (reply) => wanted.includes(reply.type) && end(reply));
    const send = () => socket.send(bytes, 67, "255.255.255.255");
    const retransmission = setInterval(send, RETRANSMIT_MS);
    const expiry = setTimeout(end, giveUpMs);
    send();
  });
}
