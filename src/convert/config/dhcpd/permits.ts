/** `allow` and `deny` of a pool (dhcpd.conf(5)): which DHCP clients get its addresses. */

import type { Statement } from "../../isc/statements.ts";
import { type Access, OPEN } from "../access.ts";
import { own } from "../../own.ts";

/** Whether clients with and without a host declaration are meant; none are BOOTP clients, or authenticated. */
const KINDS: Readonly<Record<string, { readonly known: boolean; readonly unknown: boolean }>> = {
  "all clients": { known: true, unknown: true },
  "known-clients": { known: true, unknown: false },
  "known clients": { known: true, unknown: false },
  "unknown-clients": { known: false, unknown: true },
  "unknown clients": { known: false, unknown: true },
  "authenticated clients": { known: false, unknown: false },
  "unauthenticated clients": { known: true, unknown: true },
  "dynamic bootp clients": { known: false, unknown: false },
};

const VERBS = new Set(["allow", "deny", "ignore"]);

export function isPermit({ words, block }: Statement): boolean {
  return block === undefined && VERBS.has(words[0]?.text ?? "");
}

/** Who is admitted. `allKnownElsewhere`: no client with a host declaration needs the pool. */
export function permitted(statements: readonly Statement[], allKnownElsewhere: boolean): Access {
  const permits = statements.filter(isPermit).map(({ words }) => {
    const what = words.slice(1).map(({ text }) => text).join(" ");
    return { allows: words[0]?.text === "allow", what, kinds: own(KINDS, what) };
  });
  const odd = permits.find(({ kinds }) => kinds === undefined);
  if (odd !== undefined) return { kind: "some", who: `${odd.allows ? "allow" : "deny"} ${odd.what}` };
  const allowed = permits.filter(({ allows }) => allows);
  const denied = permits.filter(({ allows }) => !allows);
  const admits = (client: "known" | "unknown") =>
    (allowed.length === 0 || allowed.some(({ kinds }) => kinds?.[client])) &&
    !denied.some(({ kinds }) => kinds?.[client]);
  if (admits("unknown")) {
    return admits("known") || allKnownElsewhere ? OPEN : { kind: "some", who: "clients without a host declaration" };
  }
  return admits("known")
    ? { kind: "some", who: "clients with a host declaration" }
    : { kind: "none", why: "no DHCP client gets an address of it there" };
}
