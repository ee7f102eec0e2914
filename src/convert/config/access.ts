/**
 * Who may have addresses of a pool, or is answered in a subnet. The one place that decides what becomes of a pool that
 * is not for all: pools here are open to every client, so one that is not is left out, and the operator is told.
 */

import type { Place } from "../leases/lease.ts";
import type { Findings } from "./findings.ts";

/** `some`: only the clients that `who` names. */
export type Access =
  | { readonly kind: "all" }
  | { readonly kind: "none"; readonly why: string }
  | { readonly kind: "some"; readonly who: string };

export const OPEN: Access = { kind: "all" };

/** The narrower of two; of two that differ, both are named. */
export function narrower(outer: Access, inner: Access): Access {
  if (outer.kind === "all" || inner.kind === "none") return inner;
  if (inner.kind === "all" || outer.kind === "none" || outer.who === inner.who) return outer;
  return { kind: "some", who: `${outer.who} and ${inner.who}` };
}

/** Whether the pool is carried over; if it is not, that is reported. */
export function isCarried(
  access: Access,
  from: { readonly place: Place; readonly statement: string; readonly findings: Findings },
): boolean {
  const { place, statement, findings } = from;
  switch (access.kind) {
    case "all":
      return true;
    case "none":
      findings.lost(place, statement, `left out: ${access.why}`);
      return false;
    case "some":
      findings.lost(
        place,
        statement,
        `left out, as it is for some clients only (${access.who}) and pools here are for all; put it in if all may ` +
          "have it, or make a separate subnet",
      );
      return false;
  }
}
