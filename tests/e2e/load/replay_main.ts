/**
 * Records a datagram from one machine to a multicast group, and sends it to another machine repeatedly, until the end
 * of the process. Runs inside a namespace. usage: replay_main.ts GROUP OWN_ADDRESS PORT FROM TO
 */

import { createSocket } from "node:dgram";

const INTERVAL_MS = 100;

const [group = "", own = "", port = "", from = "", to = ""] = Deno.args;
const socket = createSocket({ type: "udp4", reuseAddr: true });
await new Promise<void>((resolve) => socket.bind(Number(port), "0.0.0.0", resolve));
socket.addMembership(group, own);
const datagram = await new Promise<Uint8Array>((resolve) => {
  socket.on("message", (bytes: Uint8Array, { address }) => address === from && resolve(bytes));
});
Deno.stdout.writeSync(new TextEncoder().encode("recorded\n"));
// The first one is no test: a target that has lost the original takes it for new.
setInterval(() => socket.send(datagram, Number(port), to), INTERVAL_MS);
