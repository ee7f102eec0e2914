/**
 * Configurations of dhcpd, Kea and dnsmasq: whatever the text, it is refused with a line, or becomes a section that our
 * own validation takes, but for what only the operator can decide.
 */

import { loadConfig } from "../../../src/config/load.ts";
import { parseSource } from "../../../src/config/source.ts";
import { type ConfigFormat, convertConfig } from "../../../src/convert/config/mod.ts";
import { serviceSchema } from "../../../src/config/service_schema.ts";
import { DHCPD, DNSMASQ, KEA } from "../../../src/convert/config/testing/samples.ts";
import { mapping } from "../../../src/config/field.ts";
import { corpusOf } from "../corpus.ts";
import { must, type Surface } from "../surface.ts";
import { isVisible, latin1, TextCorpus } from "../words.ts";

const SECTION = mapping({ service: serviceSchema });
const utf8 = new TextEncoder();

/** Subnets there must be, and not more addresses than a node can keep. */
function isOperators({ path, message }: { readonly path: string; readonly message: string }): boolean {
  return path === "service.subnets" || message.includes("brings the pools to");
}

function surface(format: ConfigFormat, sample: string): Surface {
  const texts = new TextCorpus([...corpusOf(`${format}-config`), utf8.encode(sample)]);
  return {
    name: `${format}-config`,
    weight: 2,
    quick: 500,
    labels: format === "dnsmasq" ? ["valid", "to correct"] : ["valid", "to correct", "refused"],
    compose: (dice) => texts.compose(dice),
    check(input) {
      const text = latin1(input);
      const result = convertConfig(format, text, "file");
      const lines = text.split("\n").length;
      if (!result.ok) {
        must(result.line >= 1 && result.line <= lines + 1, "a refusal must have a line of the file");
        must(isVisible(result.message), "a refusal must be one line of visible characters");
        return "refused";
      }
      for (const { line, statement, advice } of result.findings) {
        // Line 0: what the file does not say.
        must(line >= 0 && line <= lines, "a finding must have a line of the file");
        must(advice !== "" && isVisible(statement + advice), "a finding must be visible characters");
      }
      must(result.yaml.split("\n").every((line) => line === "" || isVisible(line)), "the section must be visible");
      must(parseSource(result.yaml).issues.length === 0, "the section must be YAML");
      const other = result.issues.find((issue) => !isOperators(issue));
      must(other === undefined, `our own validation refuses the section: ${other?.path}: ${other?.message}`);
      if (result.issues.length > 0) return "to correct";
      const loaded = loadConfig(result.yaml, SECTION);
      must(loaded.ok || loaded.issues.every(({ path }) => path === "service.revision"), "a valid section must load");
      return "valid";
    },
  };
}

export const convertedConfigs: readonly Surface[] = [
  surface("dhcpd", DHCPD),
  surface("kea", KEA),
  surface("dnsmasq", DNSMASQ),
];
