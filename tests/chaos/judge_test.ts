import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Acknowledged, ClientEvent } from "./history.ts";
import { Judge } from "./judge.ts";

const ADDRESS = "10.77.1.7";
const OTHER = "10.77.1.8";

function acknowledged(client: number, atMs: number, rest: Partial<Acknowledged> = {}): Acknowledged {
  const untilMs = atMs + 60_000;
  const common = { address: ADDRESS, lan: 0, asked: "acquire", retransmissions: 0 } as const;
  return {
    kind: "acknowledged",
    client,
    atMs,
    askedMs: atMs - 10,
    untilMs,
    usedUntilMs: rest.untilMs ?? untilMs,
    ...common,
    ...rest,
  };
}

const refused = (client: number, atMs: number, rest: { lan?: number; address?: string } = {}): ClientEvent => {
  return { kind: "refused", asked: "renew", client, atMs, lan: 0, address: ADDRESS, ...rest };
};

const ended = (client: number, atMs: number, how: "release" | "decline" = "release"): ClientEvent => {
  return { kind: "ended", how, client, atMs, lan: 0, address: ADDRESS };
};

/** The rules that a history violates. */
function judge(...events: readonly ClientEvent[]): string[] {
  return judged(new Judge(), events).violations.map(({ rule }) => rule);
}

function judged(judge: Judge, events: readonly ClientEvent[]): Judge {
  for (const event of events) judge.take(event);
  return judge;
}

Deno.test("judge: two clients with one address at a time", () => {
  deepStrictEqual(judge(acknowledged(1, 0), acknowledged(2, 59_999)), ["shared"]);
  deepStrictEqual(judge(acknowledged(1, 0), acknowledged(2, 60_000)), []);
  deepStrictEqual(judge(acknowledged(1, 0), acknowledged(1, 30_000), acknowledged(2, 60_001)), ["shared"]);
  deepStrictEqual(judge(acknowledged(1, 0), ended(1, 1), acknowledged(2, 2)), []);
  deepStrictEqual(judge(acknowledged(1, 0), ended(1, 1, "decline"), acknowledged(2, 2)), []);
});

Deno.test("judge: a client that notices the end of its lease late still holds the address", () => {
  deepStrictEqual(judge(acknowledged(1, 0, { usedUntilMs: 65_000 }), acknowledged(2, 64_000)), ["shared"]);
  deepStrictEqual(judge(acknowledged(1, 0, { usedUntilMs: 65_000 }), acknowledged(2, 65_000)), []);
});

Deno.test("judge: the release of another client, or in another network, ends nothing", () => {
  deepStrictEqual(judge(acknowledged(1, 0), ended(2, 1), acknowledged(3, 2)), ["shared"]);
  deepStrictEqual(judge(acknowledged(1, 0), acknowledged(1, 1, { lan: 1, address: OTHER }), acknowledged(2, 2)), [
    "shared",
  ]);
});

Deno.test("judge: a DHCPNAK for a lease that runs", () => {
  deepStrictEqual(judge(acknowledged(1, 0), refused(1, 59_999)), ["refused"]);
  deepStrictEqual(judge(acknowledged(1, 0), refused(1, 60_000)), []);
  deepStrictEqual(judge(acknowledged(1, 0), refused(1, 1, { lan: 1 })), [], "not the address of that network");
  deepStrictEqual(judge(acknowledged(1, 0), refused(1, 1, { address: OTHER })), []);
  deepStrictEqual(judge(acknowledged(1, 0), ended(1, 1), refused(1, 2)), []);
});

Deno.test("judge: after a DHCPNAK the client does not use the address any more", () => {
  deepStrictEqual(judge(acknowledged(1, 0), refused(1, 1), acknowledged(2, 2)), ["refused"]);
});

Deno.test("judge: a renewal, or a client that remembers its lease, gets another address", () => {
  const again = (asked: Acknowledged["asked"]) =>
    judge(acknowledged(1, 0), acknowledged(1, 10, { asked, wanted: ADDRESS, address: OTHER }));
  deepStrictEqual([again("renew"), again("rebind"), again("reboot")], [["moved"], ["moved"], ["moved"]]);
  deepStrictEqual(judge(acknowledged(1, 0), acknowledged(1, 10, { asked: "renew", wanted: ADDRESS })), []);
});

Deno.test("judge: a client without memory gets its address again, while no fault goes on", () => {
  const one = acknowledged(1, 0);
  const two = acknowledged(1, 2_000, { address: OTHER });
  const disturbed = judged(new Judge(), [one, two]);
  deepStrictEqual([disturbed.violations, disturbed.counts.forgotten], [[], 1]);

  const calm = new Judge();
  calm.take(one);
  calm.calmed(1_000);
  strictEqual(judged(calm, [two]).violations[0]?.rule, "forgotten");

  const earlier = new Judge();
  earlier.take(one);
  earlier.calmed(1_995);
  deepStrictEqual(judged(earlier, [two]).violations, [], "it had asked before");
  deepStrictEqual(judge(one, acknowledged(1, 60_000, { address: OTHER })), [], "the lease was over");
});

Deno.test("judge: a violation shows the history of the address and of the clients", () => {
  const reported: string[] = [];
  const judge = new Judge(({ message }) => reported.push(message));
  judged(judge, [
    acknowledged(3, 0, { address: OTHER }),
    acknowledged(1, 1_000),
    { kind: "givenUp", asked: "renew", client: 1, lan: 0, atMs: 2_000, askedMs: 1_500 },
    acknowledged(2, 3_000),
  ]);
  const [violation] = judge.violations;
  match(violation?.message ?? "", /^10\.77\.1\.7 went to client 2; client 1 has it until 00:01:01\.000/);
  deepStrictEqual(violation?.history.map((line) => /client \d+.*: (\S+)/.exec(line)?.[0].replace(" in lan0", "")), [
    "client 1: DHCPACK",
    "client 1: gave",
    "client 2: DHCPACK",
  ]);
  deepStrictEqual(reported, [violation?.message]);
});

Deno.test("judge: counts exchanges, and the calm ones apart", () => {
  const judge = judged(new Judge(), [
    acknowledged(1, 100),
    acknowledged(1, 5_000, { asked: "renew", wanted: ADDRESS }),
  ]);
  judge.calmed(6_000);
  judged(judge, [acknowledged(2, 7_000, { address: OTHER, retransmissions: 1 })]);
  judge.disturbed();
  judged(judge, [acknowledged(2, 8_000, { address: OTHER, asked: "reboot", wanted: OTHER })]);
  const { acknowledged: { acquire, renew, reboot }, calm } = judge.counts;
  deepStrictEqual({ acquire, renew, reboot, calm }, {
    acquire: 2,
    renew: 1,
    reboot: 1,
    calm: { exchanges: 1, retransmitted: 1 },
  });
  strictEqual(judge.held(9_000), 2);
});
