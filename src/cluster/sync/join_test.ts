import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { CLIENT_TAG, clientKey } from "../../lease/agreement/client_key.ts";
import { type LeaseRow, NO_DETAIL } from "../../lease/agreement/slot.ts";
import { NO_VERSION } from "../../lease/agreement/version.ts";
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
  join.helloAnswered(1, true);
  strictEqual(join.isFormation, false);
  join.helloAnswered(2, true);
  strictEqual(join.isFormation, true);
  deepStrictEqual(join.result(), []);
  strictEqual(new Join({ startedMs: 0, others: [] }).isFormation, true, "a node alone");
});

Deno.test("join: a disk that knows that the cluster was formed does not form it again, and does not ask", () => {
  const join = new Join({ startedMs: 0, others: [1, 2], forms: "never" });
  join.helloAnswered(1, true);
  join.helloAnswered(2, true);
  strictEqual(join.isFormation, false);
  deepStrictEqual(join.tick(at(0), []), []);
});

Deno.test("join: --bootstrap: a quorum of blank members forms the cluster, while no member answers otherwise", () => {
  const join = new Join({ startedMs: 0, others: [1, 2, 4, 5], forms: "quorum" });
  join.tick(at(0), []);
  join.helloAnswered(1, true);
  join.helloAnswered(2, true);
  strictEqual(join.isFormation, false, "the other members had no time to answer");
  for (let ms = 500; ms <= 1_500; ms += 500) join.tick(at(ms), []);
  strictEqual(join.isFormation, true, "three of five");
  join.helloAnswered(4, false);
  strictEqual(join.isFormation, false, "member 4 has leases that would be lost");
  join.helloAnswered(4, true);
  strictEqual(join.isFormation, true);
  join.helloAnswered(2, false);
  join.helloAnswered(4, false);
  strictEqual(join.isFormation, false, "two of five");
});
