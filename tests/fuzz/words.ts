/**
 * Texts that are nearly right: the files of a corpus with words and lines dropped, doubled, exchanged between files, or
 * replaced by what parsers trip over. Text has one character per octet.
 */

import type { Dice } from "./dice.ts";
import { Octets } from "./octets.ts";

/** Deeper than any parser here has stack for. */
const NESTED_MAX = 3_000;

/** Numbers at limits, unfinished quotes, brackets, what every object has, what is not text, what acts on a terminal. */
const TRAPS = [
  ...["", "0", "-1", "00", "1e999", "0x", "0xff", "4294967295", "4294967296", "9007199254740993", "NaN", "null", "~"],
  ...[
    '"',
    "'",
    "`",
    "\\",
    '"\\x',
    "'\\",
    "/*",
    "*/",
    "//",
    "#",
    "<?include",
    "&a",
    "*a",
    "!!binary",
    "<<",
    "|",
    ">",
    "---",
  ],
  ...[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "{}",
    "[]",
    ";",
    ",",
    ":",
    ": ",
    "=",
    "- ",
    "? ",
    "%",
    "@",
    "\t",
    "\r\n",
    "\n\n",
    "\0",
  ],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255", "::1"],
  ...[
    "10.77.1.10-10.77.1.9",
    "never",
    "epoch",
    "infinite",
    "yes",
    "true",
    "\xff\xfe",
    "\xe2\x80\xae",
    "\x1b[31m",
    "\x85",
  ],
  ...["a".repeat(300), "[".repeat(12), "{".repeat(12), "(".repeat(200), "1.".repeat(40), "- ".repeat(40)],
];

export class TextCorpus {
  readonly #texts: readonly Uint8Array[];
  readonly #words: readonly string[];
  readonly #lines: readonly string[];
  readonly #octets = new Octets(8_192);

  constructor(texts: readonly Uint8Array[]) {
    this.#texts = texts;
    const all = texts.map(latin1);
    this.#words = [...new Set(all.flatMap((text) => text.split(SEPARATORS)))].filter((word) => word !== "");
    this.#lines = [...new Set(all.flatMap((text) => text.split("\n")))];
  }

  compose(dice: Dice): Uint8Array {
    const octets = this.#octets.set(dice.pick(this.#texts));
    if (dice.once(30)) {
      // Nested as deep as there is room.
      const [open = "", close = ""] = dice.pick(["[]", "{}", "()", '""', "- ", "{["]);
      const depth = 1 + dice.roll(NESTED_MAX);
      return octets.set(bytesOf(open.repeat(depth) + (dice.once(2) ? close.repeat(depth) : ""))).view();
    }
    for (let count = dice.roll(6); count > 0; count--) {
      if (dice.once(4)) octets.mutate(dice, dice.pick(this.#texts));
      else this.#mutateWords(dice);
    }
    return octets.view();
  }

  #mutateWords(dice: Dice): void {
    const octets = this.#octets;
    const text = latin1(octets.view());
    const isLine = dice.once(2);
    const parts = text.split(isLine ? /(?<=\n)/ : SEPARATORS);
    const at = dice.roll(parts.length);
    const fresh = () =>
      dice.once(3) ? dice.pick(TRAPS) : isLine ? `${dice.pick(this.#lines)}\n` : dice.pick(this.#words);
    switch (dice.roll(6)) {
      case 0:
        parts.splice(at, 1 + dice.size(3));
        break;
      case 1:
        parts.splice(at, 0, parts[at] ?? "");
        break;
      case 2:
        parts.splice(dice.roll(parts.length), 0, ...parts.slice(at, at + 1 + dice.size(8)));
        break;
      case 3:
        parts.splice(at, 0, fresh());
        break;
      case 4: {
        const other = dice.roll(parts.length);
        [parts[at], parts[other]] = [parts[other] ?? "", parts[at] ?? ""];
        break;
      }
      default:
        parts[at] = fresh();
    }
    octets.set(bytesOf(parts.join("")));
  }
}

/** Words keep what separates them. */
const SEPARATORS = /(?<=[\s;{}()[\],=:"'#])|(?=[\s;{}()[\],=:"'#])/;

/** Whether it is one line, of which a terminal shows every character. */
export function isVisible(text: string): boolean {
  return text !== "" && !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

export function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
