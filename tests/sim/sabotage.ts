/** One safeguard less each: what the simulator must notice, or it proves nothing. */

import { accept, AGREEMENT_RULES, type AgreementRules, end } from "../../src/lease/agreement.ts";
import { compareVersions } from "../../src/lease/version.ts";
import type { Tampering } from "./tampering.ts";
import type { Check } from "./violation.ts";

/** A way to be unsafe. */
export interface Sabotage {
  readonly name: string;
  /** Any of these must notice it. */
  readonly checks: readonly Check[];
  readonly tampering: Tampering;
}

function rules(changed: Partial<AgreementRules>): Tampering {
  return { safeguards: { rules: { ...AGREEMENT_RULES, ...changed } } };
}

/** Accepts whatever is newer, whoever holds the slot. */
const acceptAnybody: typeof accept = (slot, record, time, maxLeaseMs) => {
  const open = slot.client === record.client ? slot : { ...slot, hold: 0 };
  return accept(open, record, time, maxLeaseMs);
};

/** The bare wall clock decides, not the anchored one. */
const acceptByWallClock: typeof accept = (slot, record, time, maxLeaseMs) =>
  accept(slot, record, { ...time, early: time.late }, maxLeaseMs);

/** Case 1: an abort undoes any lock of its client at the aborted version, whatever else it consists of. */
const endWithoutSole: typeof end = (slot, record, time, mine) => {
  const exact = compareVersions(slot.version, record.replaces) === 0;
  return end(record.kind === "aborted" && exact ? { ...slot, sole: true } : slot, record, time, mine);
};

export const SABOTAGES: readonly Sabotage[] = [
  { name: "commit without majority", checks: ["(d)"], tampering: { safeguards: { countedMembers: 1 } } },
  { name: "no conflict check", checks: ["(b)"], tampering: rules({ accept: acceptAnybody }) },
  { name: "the wall clock alone", checks: ["(a)", "(b)"], tampering: rules({ accept: acceptByWallClock }) },
  { name: "blank disk votes", checks: ["(a)", "(b)"], tampering: { safeguards: { blankAbstains: false } } },
  { name: "answer before fsync", checks: ["(d)"], tampering: { safeguards: { answerAfterSync: false } } },
  { name: "case 1: abort without sole", checks: ["(b)"], tampering: rules({ end: endWithoutSole }) },
];
