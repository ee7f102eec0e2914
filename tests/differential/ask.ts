/** Sends the trials to the real server as their relay, and collects its offers. */

import dgram from "node:dgram";
import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { SERVER_PORT } from "../../src/dhcp/message.ts";
import type { Trial } from "./clients.ts";

/** Silence is an answer, too; the second question gets more time. */
const QUIET_MS = [250, 700] as const;

/** The offers by transaction; none where the server stays silent. */
export async function ask(trials: readonly Trial[], server: string): Promise<ReadonlyMap<number, Message>> {
  const offers = new Map<number, Message>();
  const socket = dgram.createSocket("udp4");
  let wake = () => {};
  socket.on("message", (bytes) => {
    const decoded = decode(new Uint8Array(bytes));
    if (decoded.ok) offers.set(decoded.value.xid, decoded.value);
    wake();
  });
  await new Promise<void>((resolve) => socket.bind(SERVER_PORT, resolve));
  for (const quietMs of QUIET_MS) {
    const open = trials.filter(({ message }) => !offers.has(message.xid));
    for (const { message } of open) {
      socket.send(encode(message).bytes.slice(), SERVER_PORT, server);
    }
    let heard = open.length > 0;
    while (heard && open.some(({ message }) => !offers.has(message.xid))) {
      heard = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), quietMs);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
    }
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return offers;
}
