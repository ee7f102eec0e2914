/**
 * Configuration files of node and relay: whatever the text, there is a configuration or a list of problems, each on one
 * line with a position in the file. What a node accepts it can send to the others, who accept it as well.
 */

import { formatIssues } from "../../../src/config/issue.ts";
import type { ConfigResult } from "../../../src/config/issue.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { CompiledService } from "../../../src/dhcp/server/compiled_service.ts";
import { checkNode, nodeSchema, readServiceText, reviseServiceText, serviceText } from "../../../node/config.ts";
import { checkRelay, relaySchema } from "../../../relay/config.ts";
import { corpusOf, filesOf } from "../corpus.ts";
import { must, type Surface } from "../surface.ts";
import { TextCorpus } from "../words.ts";

const LIKE_UTF8 = new TextDecoder();

/** Judges the problems; returns how many lines the file has. */
function judgeIssues(text: string, result: ConfigResult<unknown>): void {
  if (result.ok) return;
  must(result.issues.length > 0, "a refused file must have a problem");
  const lines = text.split(/\r\n|[\r\n]/).length;
  for (const { line, column, message } of result.issues) {
    must(line >= 0 && line <= lines && column >= 0, "a problem must lie in the file");
    must(message !== "", "a problem must have a message");
  }
  const printed = formatIssues("file", result.issues);
  must(printed.split("\n").length === result.issues.length, "a problem must be one line");
  must(!/[^\P{Cc}\n]|\p{Cf}/u.test(printed), "what is printed must be visible");
}

const nodeTexts = new TextCorpus([
  ...filesOf(
    "node/example.yaml",
    "scripts/install/examples/one-node.yaml",
    "scripts/install/examples/three-nodes.yaml",
    "scripts/install/examples/vlans.yaml",
  ),
  ...corpusOf("node-config"),
]);

export const nodeConfig: Surface = {
  name: "node-config",
  weight: 2,
  quick: 500,
  labels: ["accepted", "refused"],
  compose: (dice) => nodeTexts.compose(dice),
  check(input) {
    const text = LIKE_UTF8.decode(input);
    const result = loadConfig(text, nodeSchema, checkNode);
    judgeIssues(text, result);
    if (!result.ok) return "refused";
    new CompiledService(result.value.service);
    const sent = serviceText(result.root);
    const read = readServiceText(sent, result.value);
    must(read.ok, "what a node accepts the others must accept");
    const revised = reviseServiceText(sent, result.value.service.revision);
    must(revised === sent, "the same revision must give the same text");
    return "accepted";
  },
};

const relayTexts = new TextCorpus([
  ...filesOf("relay/example.yaml", "scripts/install/examples/gateway.yaml"),
  ...corpusOf("relay-config"),
]);

export const relayConfig: Surface = {
  name: "relay-config",
  weight: 2,
  quick: 800,
  labels: ["accepted", "refused"],
  compose: (dice) => relayTexts.compose(dice),
  check(input) {
    const text = LIKE_UTF8.decode(input);
    const result = loadConfig(text, relaySchema, checkRelay);
    judgeIssues(text, result);
    return result.ok ? "accepted" : "refused";
  },
};
