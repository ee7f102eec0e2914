/** One file: the real server and ours on the converted section, the same clients for both, and what differs. */

import { type ConfigFormat, convertConfig } from "../../src/convert/config/mod.ts";
import type { Finding } from "../../src/convert/config/findings.ts";
import { loadConfig } from "../../src/config/load.ts";
import { mapping } from "../../src/config/field.ts";
import { serviceSchema } from "../../src/config/service_schema.ts";
import { TestServer } from "../../src/dhcp/server/testing.ts";
import { type Message, MESSAGE_TYPE, messageTypeOf } from "../../src/dhcp/message.ts";
import { OPTIONS } from "../../src/dhcp/options/mod.ts";
import { ask } from "./ask.ts";
import { relaysOf, trialsOf } from "./clients.ts";
import { type Difference, differences } from "./compare.ts";
import { explanation } from "./explain.ts";
import { Network } from "./network.ts";
import { startServer } from "./real_server.ts";

/** A difference, the client that saw it first, and the finding that tells of it. */
export interface Seen extends Difference {
  readonly client: string;
  readonly count: number;
  readonly explained: Finding | undefined;
}

export interface Outcome {
  readonly clients: number;
  readonly answered: number;
  readonly seen: readonly Seen[];
  readonly yaml: string;
  readonly findings: readonly Finding[];
}

const SCHEMA = mapping({ service: serviceSchema });

/** Tries one file. */
export async function tryFile(format: ConfigFormat, text: string): Promise<Outcome> {
  const converted = convertConfig(format, text, "file");
  if (!converted.ok) throw new Error(`line ${converted.line}: ${converted.message}`);
  const { yaml, findings } = converted;
  const relays = relaysOf(text);
  const server = (relays[0] ?? "10.1.0.253").replace(/\d+$/, "254");
  const trials = trialsOf(text, relays);
  const network = await Network.open(server, relays);
  try {
    const real = await startServer(format, text, network);
    try {
      const loaded = loadConfig(yaml, SCHEMA);
      if (!loaded.ok) throw new Error(`the section is not valid: ${JSON.stringify(loaded.issues)}\n${yaml}`);
      const { service } = loaded.value;
      const offers = await ask(trials, server);
      const pools = service.subnets.flatMap((subnet) => subnet.pools.map(({ range }) => range));
      const seen = new Map<string, Seen>();
      for (const { name, message } of trials) {
        const real = offers.get(message.xid);
        const answer = new TestServer(service).handle(asking(message, real));
        const offer = typeof answer === "string" || messageTypeOf(answer) !== MESSAGE_TYPE.OFFER ? undefined : answer;
        // With another address, out of another pool, all the rest may differ.
        let elsewhere: Finding | undefined;
        for (const one of differences(message, real, offer, pools)) {
          const key = `${one.subject} ${one.real} ${one.ours}`;
          const earlier = seen.get(key);
          const explained = elsewhere ?? earlier?.explained ?? explanation(one.subject, name, { findings, text });
          if (one.subject === "address") elsewhere = explained;
          seen.set(key, { client: name, ...earlier, ...one, explained, count: (earlier?.count ?? 0) + 1 });
        }
      }
      return { clients: trials.length, answered: offers.size, seen: [...seen.values()], yaml, findings };
    } finally {
      await real.stop();
    }
  } finally {
    await network.close();
  }
}

/** Which address of a pool a server gives is its own choice: ours is asked for the other's. */
function asking(message: Message, real: Message | undefined): Message {
  if (real === undefined) return message;
  const requested = Uint8Array.from([24, 16, 8, 0], (shift) => real.yiaddr >>> shift & 0xff);
  return { ...message, options: new Map([...message.options, [OPTIONS.requestedIpAddress.code, requested]]) };
}
