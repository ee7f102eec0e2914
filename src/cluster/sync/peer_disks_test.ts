import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type DiskClaim, LSN_UNKNOWN } from "../wire/messages.ts";
import { FACT } from "./disk_identity.ts";
import { Peers } from "../peers.ts";
import { PeerDisks } from "./peer_disks.ts";

/** What a process says of its disk; a generation of 0 is a learner's. */
function claim(diskId: string, bootCount: number, extra: Partial<DiskClaim> = {}): DiskClaim {
  return { diskId, bootCount, diskGeneration: 1, lsnFound: 0, lsn: 0, ...extra };
}

function peerDisks(facts = new Map<string, string>()) {
  const writes: (readonly [string, string][])[] = [];
  const peers = new PeerDisks(new Peers(), facts, (written, durable) => {
    writes.push(written);
    for (const [key, value] of written) facts.set(key, value);
    durable();
  });
  return { peers, writes, restarted: () => peerDisks(facts).peers };
}

Deno.test("peer disks: case 20: a process that found less than another one wrote is not trusted", () => {
  const { peers } = peerDisks();
  strictEqual(peers.seen(2, claim("aa", 5, { lsnFound: 10, lsn: 30 }), 70), true);
  strictEqual(peers.seen(2, claim("aa", 6, { lsnFound: 29, lsn: 29 }), 71), false, "a backup from the same run");
  strictEqual(peers.seen(2, claim("aa", 7, { lsnFound: 29, lsn: 29 }), 72), false, "a restart changes nothing");
  strictEqual(peers.seen(2, claim("aa", 8, { lsnFound: 30, lsn: 30 }), 73), true, "an honest disk");
  strictEqual(peers.seen(2, claim("aa", 8, { lsnFound: 30, lsn: 50 }), 73), true, "the own lsn does not count");
});

Deno.test("peer disks: a power failure: what was found is what was said, and more", () => {
  const { peers, restarted } = peerDisks();
  strictEqual(peers.seen(2, claim("aa", 5, { lsnFound: 10, lsn: 30 }), 70), true);
  peers.tick(1_000);
  strictEqual(restarted().seen(2, claim("aa", 6, { lsnFound: 31, lsn: 31 }), 71), true);
  strictEqual(restarted().seen(2, claim("aa", 6, { lsnFound: 30, lsn: 30 }), 71), true);
});

Deno.test("peer disks: a disk whose starts went back, or an earlier one, is not trusted", () => {
  const { peers, restarted } = peerDisks();
  strictEqual(peers.seen(2, claim("aa", 5), 70), true);
  strictEqual(peers.seen(2, claim("aa", 4), 71), false, "a restored snapshot");
  strictEqual(peers.seen(2, claim("bb", 1), 72), false, "a clone");
  strictEqual(peers.seen(2, claim("bb", 1, { diskGeneration: 0 }), 72), true, "a new disk, a learner's");
  strictEqual(peers.diskGeneration(2), 1, "which is the next one after this");
  strictEqual(peers.seen(2, claim("bb", 1, { diskGeneration: 2 }), 72), true);
  strictEqual(peers.seen(2, claim("aa", 6), 73), false, "the former disk is back");
  strictEqual(restarted().seen(2, claim("aa", 6), 74), false, "remembered across restarts");
  strictEqual(peers.seen(2, claim("aa", 7, { diskGeneration: 0 }), 75), true, "it learns everything anew");
  strictEqual(peers.seen(2, claim("aa", 8, { lsnFound: 9 }), 76), false, "a copy from before that");
});

Deno.test("peer disks: a member that was away trusts a disk that joined meanwhile, not the former one again", () => {
  const { peers } = peerDisks(new Map([[FACT.peer(2), "aa 5 1 7"]]));
  strictEqual(peers.seen(2, claim("cc", 3, { diskGeneration: 3 }), 8), true);
  strictEqual(peers.seen(2, claim("bb", 9, { diskGeneration: 2 }), 9), false);
  strictEqual(peers.seen(2, claim("aa", 9, { diskGeneration: 1 }), 9), false);
});

Deno.test("peer disks: two processes of one start, or on copies of a disk, are not both trusted", () => {
  const { peers } = peerDisks();
  strictEqual(peers.seen(2, claim("aa", 5), 70), true);
  strictEqual(peers.seen(2, claim("aa", 5), 71), false);
  strictEqual(peers.seen(2, claim("aa", 6), 71), true);
  // The copy was started twice; then both write.
  strictEqual(peers.seen(2, claim("aa", 6, { lsn: 1 }), 71), true);
  strictEqual(peers.seen(2, claim("aa", 7, { lsn: 1 }), 72), false);
  strictEqual(peers.seen(2, claim("aa", 6, { lsn: 2 }), 71), false, "what the other one wrote is not on this disk");
});

Deno.test("peer disks: the lsn is written twice a second at most, for all members at once", () => {
  const { peers, writes } = peerDisks();
  for (const id of [2, 3]) peers.seen(id, claim("aa", 5), 70);
  strictEqual(writes.length, 2);
  strictEqual(peers.nextDeadline, Infinity);
  for (let lsn = 1; lsn <= 100; lsn++) for (const id of [2, 3]) peers.seen(id, claim("aa", 5, { lsn }), 70);
  strictEqual(writes.length, 2);
  peers.tick(1_000);
  deepStrictEqual(writes.slice(2), [[["peer:2", "aa 5 1 70 0 70:100"], ["peer:3", "aa 5 1 70 0 70:100"]]]);
  peers.seen(2, claim("aa", 5, { lsn: 101 }), 70);
  peers.tick(1_499);
  strictEqual(writes.length, 3);
  peers.tick(peers.nextDeadline);
  strictEqual(writes.length, 4);
  peers.tick(9_000);
  strictEqual(writes.length, 4, "nothing has risen");
});

Deno.test("peer disks: of many processes the highest lsn is kept, not each one", () => {
  const { peers, writes } = peerDisks();
  for (let run = 1; run <= 50; run++) {
    strictEqual(peers.seen(2, claim("aa", run, { lsnFound: run - 1, lsn: run }), 100 + run), true, `run ${run}`);
  }
  deepStrictEqual(writes.at(-1), [["peer:2", "aa 50 1 150 46 147:47 148:48 149:49 150:50"]]);
  strictEqual(peers.seen(2, claim("aa", 51, { lsnFound: 45 }), 999), false);
});

Deno.test("peer disks: a disk of the release before, which counted nothing, has not gone back", () => {
  // As it was remembered, and as it is heard of in version 1, after its upgrade, and after a downgrade in between.
  const { peers } = peerDisks(new Map([[FACT.peer(2), "aa 5 1 7"]]));
  strictEqual(peers.seen(2, claim("aa", 5, LSN_UNKNOWN), 7), true);
  strictEqual(peers.seen(2, claim("aa", 6), 8), true);
  strictEqual(peers.seen(2, claim("aa", 6, { lsn: 40 }), 8), true);
  strictEqual(peers.seen(2, claim("aa", 7, LSN_UNKNOWN), 9), true);
  strictEqual(peers.seen(2, claim("aa", 8, { lsnFound: 40, lsn: 40 }), 10), true);
});
