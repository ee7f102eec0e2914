import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { Logger } from "@logtape/logtape";
import { LOG_LIMITS_DEFAULT } from "../src/log/limiter.ts";
import { NodeLog } from "./nodes.ts";

Deno.test("NodeLog: a flapping node gets a few lines, then a count; other nodes are still logged", () => {
  const lines: string[] = [];
  const keep = (template: string) => void lines.push(template);
  const log = new NodeLog({ info: keep, warn: keep } as unknown as Logger, () => 1_000);
  for (let i = 0; i < 100; i++) log.add({ kind: "grade", id: 3, grade: "suspect", fault: "unanswered" });
  strictEqual(lines.length, LOG_LIMITS_DEFAULT.linesMax);
  log.add({ kind: "grade", id: 2, grade: "healthy", fault: undefined });
  log.add({ kind: "chosen", id: 2, instead: 3, reason: "unanswered" });
  deepStrictEqual(lines.slice(LOG_LIMITS_DEFAULT.linesMax), [
    "node {id} is ready",
    "requests go to node {id} instead of node {instead}: {reason}",
  ]);
  log.close();
  match(lines.at(-1) ?? "", /95 more .*: changes of node 3/);
});

Deno.test("NodeLog: a subnet that gets full and empty again and again gets a few lines", () => {
  const lines: string[] = [];
  const keep = (template: string) => void lines.push(template);
  const log = new NodeLog({ info: keep, warn: keep } as unknown as Logger, () => 1_000);
  const subnet = { address: 0x0a4e0000, prefixLength: 16 };
  for (let i = 0; i < 100; i++) log.add({ kind: "full", subnet, full: i % 2 === 0 });
  strictEqual(lines.length, LOG_LIMITS_DEFAULT.linesMax);
  match(lines[0] ?? "", /\{subnet\} is full: .*enlarge its pools/);
  match(lines[1] ?? "", /\{subnet\} is not full any more/);
  log.close();
});
