/** Leases of another server are imported through one node: each is a proposal like that of a client. */

import { CLIENT_TAG, clientKey } from "../../../src/lease/agreement/client_key.ts";
import { NO_DETAIL } from "../../../src/lease/agreement/slot.ts";
import { formatIpv4 } from "../../../src/net/ipv4.ts";
import { chaddrOf, clientIdOf, LANS, mayKeep, MIN_LEASE_SECONDS, poolOf, variantOf } from "../configurations.ts";
import type { Begin } from "./scene.ts";

const CLIENTS = 8;

export const leaseImport: Begin = ({ cluster, operator }, node) => {
  const { prng, checkers, log } = cluster;
  const variant = variantOf(operator.file.text);
  const client = prng.int(1, CLIENTS);
  const lan = prng.int(0, LANS.length - 1);
  const address = prng.pick(poolOf(variant, lan));
  const name = `client ${client}`;
  // Only a client that has no lease here: that of the other server is not known before the import.
  if (checkers.ledger.held(name) !== undefined || !mayKeep(variant, client, address)) return;
  const subnet = LANS[lan]?.subnet ?? 0;
  const clientId = clientIdOf(client);
  const key = clientId === undefined
    ? clientKey({ subnet, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, ...chaddrOf(client)) })
    : clientKey({ subnet, tag: CLIENT_TAG.clientIdentifier, bytes: clientId });
  const leaseMs = 1_000 * prng.int(MIN_LEASE_SECONDS, variant.maxLeaseSeconds);
  const proposal = { address, client: key, xid: prng.int(0, 0xffffffff), leaseMs, detail: NO_DETAIL };
  log?.(`operator: import of ${formatIpv4(address)} for ${name} through node ${node.id}`);
  node.ask<"propose">({ kind: "propose", proposal }, (decision) => {
    if (!decision.committed) return;
    checkers.promises.arrived(node.promise({ client: key, name, address, leaseMs: decision.leaseMs }, true));
  });
};
