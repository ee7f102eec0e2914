import { deepStrictEqual, match, throws } from "node:assert/strict";
import { MEMBERSHIP_FACTS } from "../src/cluster/membership/membership.ts";
import { afterLoss } from "./lost_leases.ts";

const PLACE = { self: 1, stateDir: "/state", bootstrap: false };
const ALONE = [{ id: 1 }];
const THREE = [{ id: 1 }, { id: 2 }, { id: 3 }];
const CUT = { found: 3, acknowledged: 7 };
const MISSING = { found: 0, acknowledged: 7 };

function membership(epoch: number, ids: readonly number[]): Map<string, string> {
  const members = ids.map((id) => ({ id, address: id }));
  return new Map([[MEMBERSHIP_FACTS.membership, JSON.stringify({ epoch, term: 1, members })]]);
}

Deno.test("a member with others learns from them, whatever is lost", () => {
  const facts = new Map<string, string>();
  const cut = afterLoss({ ...PLACE, behind: CUT, nodes: THREE, facts });
  deepStrictEqual(cut.isLearner, true);
  match(
    cut.warning,
    /lacks leases .*transaction 3, and 7 was acknowledged\): it takes all leases from the other nodes/,
  );
  match(
    afterLoss({ ...PLACE, behind: MISSING, nodes: THREE, facts }).warning,
    /was missing, or lost all leases that this node had/,
  );
  // --bootstrap is for disks that never had leases.
  deepStrictEqual(afterLoss({ ...PLACE, bootstrap: true, behind: MISSING, nodes: THREE, facts }).isLearner, true);
  // The membership on the disk is newer than the file.
  deepStrictEqual(afterLoss({ ...PLACE, behind: CUT, nodes: ALONE, facts: membership(2, [1, 2]) }).isLearner, true);
});

Deno.test("a node alone does not start on a disk that lacks leases, but by command", () => {
  const lone = { ...PLACE, behind: CUT, nodes: ALONE, facts: membership(1, [1]) };
  throws(() => afterLoss(lone), /lacks leases .*put the newest one back, or restore .* or keep .*members reset --yes/);
  throws(() => afterLoss({ ...lone, bootstrap: true }), /members reset --yes/);
  throws(() => afterLoss({ ...lone, nodes: THREE, facts: membership(2, [1]) }), /members reset --yes/);
  throws(() => afterLoss({ ...lone, behind: MISSING }), /or forget all leases by starting once with --bootstrap/);
  const blank = afterLoss({ ...lone, behind: MISSING, facts: new Map(), bootstrap: true });
  deepStrictEqual(blank.isLearner, false);
  match(blank.warning, /all leases are forgotten, as --bootstrap was given/);
});
