/** The clients that a file is tried with: by relay, hardware address, vendor class, user class and architecture. */

import { clientMessage, type MessageParts } from "../../src/dhcp/server/testing.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { fromHex } from "../../src/bytes/hex.ts";

/** One client's DISCOVER, and how a report calls it. */
export interface Trial {
  readonly name: string;
  readonly message: Message;
}

interface Client {
  readonly mac?: string | undefined;
  readonly vendor?: string | undefined;
  readonly user?: string | undefined;
  readonly architecture?: number | undefined;
}

const TRIALS_MAX = 160;
const WORDS = ["Acme", "PXEClient", "HTTPClient", "Other", "bad", "wifi", "Beta1", "Gamma", "Delta", "Zeta"];
/** What servers compute for one client, or what a reply can't have; all else is asked for. */
const NOT_ASKED = new Set([50, 51, 52, 53, 54, 55, 56, 57, 61, 81, 82]);
const WANTED = Array.from({ length: 254 }, (_, index) => index + 1).filter((code) => !NOT_ASKED.has(code));
const encoder = new TextEncoder();

/** The relays of a file: an address in each network 10.N.0.0/24 that it names. */
export function relaysOf(text: string): string[] {
  const networks = new Set([...text.matchAll(/\b(10\.\d{1,3}\.\d{1,3})\.\d{1,3}\b/g)].map(([, network]) => network));
  const served = [...networks].filter((network) => new RegExp(`${network}\\.(?:0\\b|1\\d\\d\\b|\\d\\b)`).test(text));
  return served.slice(0, 4).map((network) => `${network}.253`);
}

/** Clients that differ in what the file may ask for. */
export function trialsOf(text: string, relays: readonly string[]): Trial[] {
  const macs = [...new Set([...text.matchAll(/\b02(?::[0-9a-f]{2}){5}\b/gi)].map(([mac]) => mac.toLowerCase()))];
  const quoted = [...text.matchAll(/["',]([A-Z][\w:-]{3,30})\b/g)].map(([, word = ""]) => word);
  const named = WORDS.filter((word) => text.includes(word));
  const vendors = [...new Set([...named, ...quoted])].filter((word) => !/^(?:VENDOR|KNOWN|DROP|ALL)/.test(word)).slice(
    0,
    6,
  )
    .flatMap((word) => [word, `${word}9`]);
  if (/PXEClient/.test(text)) vendors.push("PXEClient:Arch:00007:UNDI:003016");
  const users = /user-?class|77/.test(text) ? ["iPXE", "lab-1", "lab"] : [];
  const architectures = /93|client-arch/.test(text) ? [0, 6, 7, 9, 11] : [];
  const clients: Client[] = [{}, ...macs.map((mac) => ({ mac }))];
  for (const vendor of vendors) clients.push({ vendor });
  for (const user of users) clients.push({ user });
  for (const architecture of architectures) {
    clients.push({ architecture });
    for (const vendor of vendors) clients.push({ vendor, architecture });
    for (const user of users) clients.push({ user, architecture });
  }
  for (const user of users) for (const vendor of vendors) clients.push({ user, vendor });
  for (const mac of macs.slice(0, 3)) {
    for (const vendor of vendors) clients.push({ mac, vendor });
    for (const architecture of architectures) clients.push({ mac, architecture });
  }
  const all = relays.flatMap((giaddr) => clients.map((client) => ({ giaddr, client })));
  return all.slice(0, TRIALS_MAX).map(({ giaddr, client }, index) => trial(giaddr, client, index + 1));
}

function trial(giaddr: string, client: Client, xid: number): Trial {
  const { mac, vendor, user, architecture } = client;
  // Room for everything that was asked for.
  const options: [number, Uint8Array][] = [[57, Uint8Array.of(5, 220)]];
  if (vendor !== undefined) options.push([60, encoder.encode(vendor)]);
  if (user !== undefined) options.push([77, encoder.encode(user)]);
  if (architecture !== undefined) options.push([93, Uint8Array.of(0, architecture)]);
  const parts: MessageParts = { xid, giaddr, wanted: WANTED, options };
  const message = { ...clientMessage("DISCOVER", 0x7701, parts), hops: 1 };
  const given = mac === undefined ? undefined : fromHex(mac);
  if (given !== undefined) message.chaddr = given;
  const words = [
    `relay ${giaddr}`,
    ...mac === undefined ? [] : [mac],
    ...vendor === undefined ? [] : [`vendor class ${vendor}`],
    ...user === undefined ? [] : [`user class ${user}`],
    ...architecture === undefined ? [] : [`architecture ${architecture}`],
  ];
  return { name: words.join(", "), message };
}
