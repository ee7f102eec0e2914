/**
 * Emulated clients that each get a lease, decline it, and ask for another one in the same moment, as a client does that
 * sees another host with its address. `decliner.ts` starts it in a client's namespace.
 *
 * Argument: how many clients. Prints one {@link Declined} per client as a JSON line.
 */

import { UNSPECIFIED } from "../../../../src/net/ipv4.ts";
import { openUdp } from "../../../../src/net/open.ts";
import { type Dhcp, dotted, readDhcp } from "../../lab/dhcp_frame.ts";
import type { Declined } from "./decliner.ts";
import { chaddrOf, type ClientMessage, encodeClientMessage, octets } from "./wire.ts";

const BROADCAST = 0xffffffff;
const SERVER_PORT = 67;
const ANSWER_MS = 3_000;
/** Within this time of the first reply, the others that were sent at the same moment arrive. */
const OTHERS_MS = 300;
const TRIES_MAX = 5;

const socket = await openUdp({ address: UNSPECIFIED, port: 68, reuseAddress: true, broadcast: true });
let replies: Dhcp[] = [];
let arrived: () => void = () => {};
socket.receive((bytes) => {
  const reply = readDhcp(bytes);
  if (reply?.op !== 2) return;
  replies.push(reply);
  arrived();
});

for (let client = 1; client <= Number(Deno.args[0]); client++) {
  // deno-lint-ignore no-console -- the result of this program
  console.log(JSON.stringify(await decline(client)));
}
Deno.exit(0);

async function decline(client: number): Promise<Declined> {
  const first = await acquire(client, 1);
  const declined = { requestedAddress: octets(first.address), serverIdentifier: first.server };
  send(client, { type: "DECLINE", xid: client * 100 + 50, ...declined });
  const second = await acquire(client, 51);
  return { client, declined: first.address, address: second.address, acknowledgements: first.acknowledgements };
}

/** DISCOVER, the first OFFER, REQUEST, the first ACK; again from the start after a NAK or silence. */
async function acquire(client: number, xid: number) {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const [offer] = await ask(client, "OFFER", { type: "DISCOVER", xid: client * 100 + xid + attempt });
    const server = offer?.options.get(54);
    if (offer === undefined || server === undefined) continue;
    const request = { requestedAddress: octets(offer.yiaddr), serverIdentifier: server };
    const answers = await ask(client, "ACK", { type: "REQUEST", xid: offer.xid, ...request });
    const acknowledgement = answers.find(({ type }) => type === "ACK");
    if (acknowledgement === undefined) continue;
    return { address: acknowledgement.yiaddr, server, acknowledgements: answers.map(serverOf) };
  }
  throw new Error(`Client ${client} got no lease in ${TRIES_MAX} attempts`);
}

/** The replies to one message; after those of the wanted type, what came shortly after the first of them. */
async function ask(client: number, wanted: "OFFER" | "ACK", message: Pick<ClientMessage, "type" | "xid">) {
  replies = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  arrived = () => replies.some(({ type, xid }) => type === wanted && xid === message.xid) && resolve();
  send(client, message);
  const timer = setTimeout(resolve, ANSWER_MS);
  await promise;
  clearTimeout(timer);
  if (wanted === "ACK") await new Promise((done) => setTimeout(done, OTHERS_MS));
  return replies.filter(({ type, xid }) => xid === message.xid && (type === wanted || type === "NAK"));
}

function send(client: number, message: Omit<ClientMessage, "chaddr">): void {
  const bytes = encodeClientMessage({ ...message, chaddr: chaddrOf(client), broadcast: true });
  socket.send(bytes, BROADCAST, SERVER_PORT);
}

function serverOf({ type, options }: Dhcp): string {
  return `${type} ${dotted(options.get(54) ?? new Uint8Array())}`;
}
