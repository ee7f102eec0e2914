import { strictEqual } from "node:assert/strict";
import { stateDirOf } from "./state_dir.ts";

const NODE = "node: { id: 1, stateDir: /var/lib/x }\n";
const SERVICE = `service:\n  subnets:\n${"  - { subnet: 10.1.0.0/16 }\n# no key\n\n".repeat(3_000)}`;

Deno.test("stateDirOf() leaves out the service section of a large file, wherever it stands", () => {
  for (const text of [NODE + SERVICE, SERVICE + NODE, `log: {}\n${SERVICE}${NODE}`]) {
    strictEqual(stateDirOf(text), "/var/lib/x");
  }
});

Deno.test("stateDirOf() is none for a small file, and for one that can't be read without its service section", () => {
  strictEqual(stateDirOf(NODE), undefined);
  const wrong = ["node: [\n", "node: { stateDir: 7 }\n", "node: { stateDir: *a }\n", "node: {}\n", "{ node: { "];
  for (const head of wrong) strictEqual(stateDirOf(head + SERVICE), undefined, head);
});
