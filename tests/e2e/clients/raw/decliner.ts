/** Clients that decline their leases: starts `decliner_main.ts` in a client's namespace and collects what they got. */

import type { Host } from "../../lab/topology.ts";

/** What one client got. */
export interface Declined {
  readonly client: number;
  readonly declined: string;
  /** Its address afterwards. */
  readonly address: string;
  /** Replies to its first REQUEST: `ACK 10.99.0.11`. */
  readonly acknowledgements: readonly string[];
}

/** Runs clients one after the other. The host needs no address: clients broadcast from 0.0.0.0. */
export async function decliners(host: Host, clients: number): Promise<Declined[]> {
  await host.namespace.ip("route replace 255.255.255.255/32 dev eth0");
  const main = new URL("decliner_main.ts", import.meta.url).pathname;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const process = host.namespace.spawn(
    [Deno.execPath(), "run", "--no-check", "-A", main, String(clients)],
    { label: `decliners in ${host.namespace.name}`, onStdout: (chunk) => void chunks.push(chunk.slice()) },
  );
  const { code } = await process.ended;
  if (code !== 0) throw new Error(`The decliners ended with ${code}:\n${process.output.last(20)}`);
  const text = await new Blob(chunks).text();
  return text.trim().split("\n").map((line) => JSON.parse(line) as Declined);
}
