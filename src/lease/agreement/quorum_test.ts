import { ok, strictEqual } from "node:assert/strict";
import { isQuorum, quorumOf, unionSources } from "./quorum.ts";

const SIZES = Array.from({ length: 32 }, (_, index) => index + 1);

Deno.test("quorumOf() makes any two quorums share a voter, and no smaller number does", () => {
  for (const voters of SIZES) {
    ok(2 * quorumOf(voters) > voters);
    ok(2 * (quorumOf(voters) - 1) <= voters);
    ok(quorumOf(voters) <= voters);
  }
});

Deno.test("unionSources() overlaps every quorum that counted the lost disk, and no smaller number does", () => {
  for (const voters of SIZES.filter((size) => size > 1)) {
    const others = voters - 1;
    const left = quorumOf(voters) - 1;
    ok(unionSources(voters) + left > others, `${voters} voters`);
    strictEqual(unionSources(voters) - 1 + left, others, `${voters} voters`);
  }
});

Deno.test("isQuorum() counts the voters for which something holds", () => {
  const voters = [1, 2, 3, 4];
  ok(isQuorum(voters, (voter) => voter > 1));
  ok(!isQuorum(voters, (voter) => voter > 2));
});
