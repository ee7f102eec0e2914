import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { CLIENT_TAG, clientKey } from "../../lease/agreement/client_key.ts";
import { type LeaseRow, NO_DETAIL } from "../../lease/agreement/slot.ts";
import { NO_VERSION } from "../../lease/agreement/version.ts";
import { FACT, PeerDisks, startIdentity } from "./disk_identity.ts";
import { Join } from "./join.ts";
import { CLUSTER_LIMITS } from "../limits.ts";

const at = (ms: number) => ({ wallMs: 1_700_000_000_000 + ms, monotonicMs: ms });
const TIME = { latest: 1_700_000_000_000, now: 1_700_000_000_000, earliest: 1_700_000_000_000 };
const READY = CLUSTER_LIMITS.blankWaitMs;

function row(address: number, octet: number, clock: number): LeaseRow {
  const client = clientKey({ subnet: 0x0a000000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, octet) });
  const version = { clock, node: 1, incarnation: 7 };
  const slot = {
    state: "bound",
    client,
    version,
    lockedUntil: TIME.earliest + 60_000,
    committedVersion: NO_VERSION,
    singleVersion: true,
  } as const;
  return { address, slot, detail: NO_DETAIL };
}

Deno.test("join: case 18: nothing is pulled before two proposal times are over", () => {
  const join = new Join({ startedMs: 0, others: [1, 2] });
  deepStrictEqual(join.tick(at(READY - 1), [1, 2]).map(({ kind }) => kind), ["hello"]);
  const later = join.tick(at(READY), [1, 2]);
  deepStrictEqual(later.map((output) => output.kind === "request" && output.to), [1, 2]);
});

Deno.test("join: ⌈n/2⌉ other voters are pulled whole, and their union is the result (case 17)", () => {
  const join = new Join({ startedMs: 0, others: [1, 2] });
  join.tick(at(READY), [1, 2]);
  const more = join.receive(1, { type: "syncChunk", rows: [row(10, 1, 5)], more: true }, at(READY), TIME);
  deepStrictEqual(more, [{ kind: "request", to: 1, page: { purpose: "join", after: 10 } }]);
  join.receive(1, { type: "syncChunk", rows: [row(11, 1, 6)], more: false }, at(READY), TIME);
  strictEqual(join.result(), undefined, "one source of two");
  join.receive(2, { type: "syncChunk", rows: [row(10, 2, 4)], more: false }, at(READY), TIME);
  deepStrictEqual(join.result()?.map(({ address, slot }) => [address, slot.state]), [[10, "blocked"], [11, "bound"]]);
});

Deno.test("join: the detail is that of the client in the slot, not that of the client seen last", () => {
  const join = new Join({ startedMs: 0, others: [1, 2] });
  join.tick(at(READY), [1, 2]);
  const mine = { ...row(10, 1, 5), detail: { ...NO_DETAIL, hostname: "winner", lastSeen: 1 } };
  const ended = row(10, 2, 4);
  const other = {
    ...ended,
    slot: { ...ended.slot, state: "released", lockedUntil: 0 } as const,
    detail: { ...NO_DETAIL, hostname: "other", lastSeen: 2 },
  };
  join.receive(1, { type: "syncChunk", rows: [mine], more: false }, at(READY), TIME);
  join.receive(2, { type: "syncChunk", rows: [other], more: false }, at(READY), TIME);
  deepStrictEqual(join.result()?.map(({ detail }) => detail.hostname), ["winner"]);
});

Deno.test("join: a source that goes away is replaced; late and doubled chunks change nothing", () => {
  const join = new Join({ startedMs: 0, others: [1, 2, 3, 4] });
  join.tick(at(READY), [1, 2, 3]);
  join.receive(1, { type: "syncChunk", rows: [row(10, 1, 5)], more: true }, at(READY), TIME);
  const again = join.tick(at(READY + 2_000), [2, 3, 4]);
  const asked = again.flatMap((output) => output.kind === "request" ? [[output.to, output.page.after]] : []);
  deepStrictEqual(asked, [[2, -1], [3, -1], [4, -1]]);
  deepStrictEqual(join.receive(1, { type: "syncChunk", rows: [row(11, 1, 5)], more: false }, at(READY), TIME), []);
  strictEqual(join.result(), undefined);
});

Deno.test("join: first formation: every other member was blank when this disk asked it", () => {
  const join = new Join({ startedMs: 0, others: [1, 2] });
  strictEqual(join.isFormation, false);
  join.helloAnswered(1, { blank: true, ownDiskId: "aa" });
  strictEqual(join.isFormation, false);
  join.helloAnswered(2, { blank: true, ownDiskId: "bb" });
  strictEqual(join.isFormation, true);
  deepStrictEqual(join.result(), []);
  strictEqual(new Join({ startedMs: 0, others: [] }).isFormation, true, "a node alone");
});

Deno.test("join: --bootstrap: a majority of blank members forms the cluster, unless one has slots", () => {
  const join = new Join({ startedMs: 0, others: [1, 2, 4, 5], bootstrap: true });
  join.helloAnswered(1, { blank: true, ownDiskId: "aa" });
  strictEqual(join.isFormation, false, "two of five");
  join.helloAnswered(2, { blank: true, ownDiskId: "bb" });
  strictEqual(join.isFormation, true, "three of five");
  join.helloAnswered(4, { blank: false, ownDiskId: "cc" });
  strictEqual(join.isFormation, false, "member 4 has leases that would be lost");
});

Deno.test("identity: a new disk is blank and has a name of its own; starts are counted", () => {
  let digit = 0;
  const { identity, writes } = startIdentity(new Map(), () => (digit++ % 16) / 16);
  deepStrictEqual(identity, { diskId: "0123456789abcdef", bootCount: 1, blank: true, diskGeneration: 0 });
  const facts = new Map([...writes, [FACT.blank, "no"] as const]);
  deepStrictEqual(startIdentity(facts, Math.random).identity, { ...identity, bootCount: 2, blank: false });
});

/** A disk as its owner speaks of it. */
const disk = (diskId: string, bootCount: number, diskGeneration = 1) => ({ diskId, bootCount, diskGeneration });

Deno.test("identity: case 20: a disk whose starts went back, or an earlier one, is not believed", () => {
  const written: [string, string][] = [];
  const peers = new PeerDisks(new Map(), (fact) => written.push(fact));
  strictEqual(peers.seen(2, disk("aa", 5), true), true);
  strictEqual(peers.seen(2, disk("aa", 4), true), false, "a restored snapshot");
  strictEqual(peers.seen(2, disk("bb", 1), true), false, "a clone");
  strictEqual(peers.seen(2, disk("bb", 1, 0), false), true, "a new disk that joins");
  strictEqual(peers.diskGeneration(2), 1, "which is the next one after this");
  strictEqual(peers.seen(2, disk("bb", 1, 2), true), true);
  strictEqual(peers.seen(2, disk("aa", 6), true), false, "the former disk is back");
  const again = new PeerDisks(new Map(written), () => {});
  strictEqual(again.seen(2, disk("aa", 6), true), false, "remembered across restarts");
});

Deno.test("identity: a member that was away trusts a disk that joined meanwhile, not the former one again", () => {
  const peers = new PeerDisks(new Map([[FACT.peer(2), "aa 5 1 7"]]), () => {});
  strictEqual(peers.seen(2, disk("cc", 3, 3), true, 8), true);
  strictEqual(peers.seen(2, disk("bb", 9, 2), true, 9), false);
  strictEqual(peers.seen(2, disk("aa", 9, 1), true, 9), false);
});

Deno.test("identity: two processes of one start of a disk are a copy", () => {
  const peers = new PeerDisks(new Map(), () => {});
  strictEqual(peers.seen(2, disk("aa", 5), true, 70), true);
  strictEqual(peers.seen(2, disk("aa", 5), true, 71), false);
  strictEqual(peers.seen(2, disk("aa", 6), true, 71), true);
});
