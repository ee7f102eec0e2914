/** `dnsmasq.conf` as a list of settings: `name` or `name=value`, values with commas, comments after `#`. */

/** One line with content. */
export interface Setting {
  readonly line: number;
  readonly name: string;
  /** The parts between the commas, quotes removed; empty without a value. */
  readonly values: readonly string[];
  /** The same with the blanks around them. */
  readonly spaced: readonly string[];
  /** Which of the values had quotes: they are text, whatever they look like. */
  readonly quoted: readonly boolean[];
  /** The line as in the file. */
  readonly text: string;
}

/** Reads a file. Never throws; a line that is no setting gets an unknown name. */
export function parseLines(text: string): Setting[] {
  const settings: Setting[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const parts = split(raw);
    if (parts === undefined) continue;
    settings.push({ line: index + 1, text: raw.trim(), ...parts });
  }
  return settings;
}

/** `\"`, `\t` and the like within quotes (dnsmasq's `one_file`). */
const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", b: "\b", r: "\r", e: "\x1b" };

function split(raw: string): Pick<Setting, "name" | "values" | "spaced" | "quoted"> | undefined {
  let name: string | undefined;
  let part = "";
  const values: string[] = [];
  const spaced: string[] = [];
  const quotedValues: boolean[] = [];
  let quoted = false;
  let wasQuoted = false;
  const end = () => {
    values.push(wasQuoted ? part : part.trim());
    spaced.push(part);
    quotedValues.push(wasQuoted);
    part = "";
    wasQuoted = false;
  };
  for (let at = 0; at < raw.length; at++) {
    const character = raw[at] as string;
    if (quoted) {
      if (character === '"') quoted = false;
      else if (character === "\\" && at + 1 < raw.length) {
        const next = raw[++at] as string;
        part += ESCAPES[next] ?? next;
      } else part += character;
    } else if (character === '"') {
      quoted = true;
      wasQuoted = true;
      part = part.trim();
    } else if (character === "#" && (at === 0 || /\s/.test(raw[at - 1] as string))) break;
    else if (character === "=" && name === undefined) {
      name = part.trim();
      part = "";
    } else if (character === "," && name !== undefined) end();
    else if (!(wasQuoted && /\s/.test(character))) part += character;
  }
  if (name === undefined) {
    const word = part.trim();
    return word === "" ? undefined : { name: word.replace(/^--/, ""), values: [], spaced: [], quoted: [] };
  }
  end();
  return { name: name.replace(/^--/, ""), values, spaced, quoted: quotedValues };
}
