/**
 * Sends garbage at a steady rate until SIGTERM, then prints a {@link SentReport}. `sender.ts` starts it in a namespace.
 */

import { createSocket } from "node:dgram";
import { KINDS, prng } from "./garbage.ts";
import type { SenderOrder, SentReport } from "./sender.ts";

const order = JSON.parse(Deno.args[0] ?? "") as SenderOrder;
const next = prng(order.seed);
// Made in advance, so that the sender itself takes little time.
const kinds = Object.values(KINDS);
const datagrams = Array.from({ length: 4_096 }, (_, index) => kinds[index % kinds.length]?.(next) ?? new Uint8Array());

const socket = createSocket("udp4");
await new Promise<void>((resolve) => socket.bind(order.sourcePort, "0.0.0.0", resolve));
socket.setBroadcast(true);

const start = performance.now();
let sent = 0;
const timer = setInterval(() => {
  const due = Math.floor((performance.now() - start) * order.perSecond / 1_000);
  for (; sent < due; sent++) {
    socket.send(datagrams[sent % datagrams.length] as Uint8Array, 67, order.targets[sent % order.targets.length]);
  }
}, 5);
Deno.addSignalListener("SIGTERM", () => {
  clearInterval(timer);
  const report: SentReport = { sent, seconds: (performance.now() - start) / 1_000 };
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report) + "\n"));
  Deno.exit(0);
});
