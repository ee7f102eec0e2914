/**
 * The words of ISC dhcpd's files (`common/conflex.c`): configuration and leases share them. Text comes with one
 * character per octet, so that strings survive any encoding of the file.
 */

/** A word (names, numbers, addresses, hexadecimal octets with colons), a string in quotes, or one character. */
export interface Token {
  readonly kind: "word" | "string" | "mark";
  /** Without quotes, escapes resolved. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** Where it starts, and where what comes after it starts. */
  readonly offset: number;
  readonly end: number;
}

/** Text that has no words: the message completes "line N: …". */
export class IscSyntaxError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

const BLANK = new Set([" ", "\t", "\r", "\n", "\v", "\f", "\0"]);
const WORD = /[A-Za-z0-9_.:\/\-]+/y;
/** conflex.c takes 1,500 octets. */
const STRING_OCTETS_MAX = 4_096;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b" };

/** Reads tokens one after the other from `start`, which is in line `line`. */
export class Lexer {
  readonly #text: string;
  #offset: number;
  #line: number;
  #peeked: Token | undefined;

  constructor(text: string, start = 0, line = 1) {
    this.#text = text;
    this.#offset = start;
    this.#line = line;
  }

  /** The line that has been reached. */
  get line(): number {
    return this.#line;
  }

  /** Where what is not read yet starts. */
  get offset(): number {
    return this.#peeked?.offset ?? this.#offset;
  }

  /** The next token without taking it; undefined at the end. */
  peek(): Token | undefined {
    return this.#peeked ??= this.#read();
  }

  next(): Token | undefined {
    const token = this.peek();
    this.#peeked = undefined;
    return token;
  }

  #read(): Token | undefined {
    this.#skipBlank();
    const offset = this.#offset;
    if (offset >= this.#text.length) return undefined;
    const line = this.#line;
    const character = this.#text[offset] as string;
    if (character === '"') {
      const text = this.#string();
      return { kind: "string", text, line, offset, end: this.#offset };
    }
    WORD.lastIndex = offset;
    const word = WORD.exec(this.#text)?.[0];
    const text = word ?? character;
    this.#offset += text.length;
    return { kind: word === undefined ? "mark" : "word", text, line, offset, end: this.#offset };
  }

  /** White space, null octets (a file system may leave them after a crash) and comments. */
  #skipBlank(): void {
    for (; this.#offset < this.#text.length; this.#offset++) {
      const character = this.#text[this.#offset] as string;
      if (character === "\n") this.#line += 1;
      else if (character === "#") {
        const newline = this.#text.indexOf("\n", this.#offset);
        this.#offset = (newline < 0 ? this.#text.length : newline) - 1;
      } else if (!BLANK.has(character)) return;
    }
  }

  #string(): string {
    const startLine = this.#line;
    let text = "";
    let at = this.#offset + 1;
    for (;;) {
      const character = this.#text[at];
      if (character === undefined) throw new IscSyntaxError(startLine, 'a string is not closed; add the closing "');
      if (text.length > STRING_OCTETS_MAX) throw new IscSyntaxError(startLine, "a string is too long");
      at += 1;
      if (character === '"') break;
      if (character === "\n") this.#line += 1;
      if (character !== "\\") {
        text += character;
        continue;
      }
      const rest = this.#text.slice(at, at + 3);
      const octal = /^[0-3]?[0-7]{1,2}/.exec(rest)?.[0];
      const hex = /^x([0-9a-f]{1,2})/i.exec(rest);
      if (octal !== undefined) {
        text += String.fromCharCode(Number.parseInt(octal, 8));
        at += octal.length;
      } else if (hex !== null) {
        text += String.fromCharCode(Number.parseInt(hex[1] as string, 16));
        at += hex[0].length;
      } else {
        const escaped = rest[0];
        if (escaped === undefined) throw new IscSyntaxError(startLine, 'a string is not closed; add the closing "');
        text += ESCAPES[escaped] ?? escaped;
        at += 1;
      }
    }
    this.#offset = at;
    return text;
  }
}

/**
 * Octets as dhcpd writes them: `1:2:a0`, each with one or two digits. Undefined for anything else.
 *
 * @example
 * ```ts
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 * deepStrictEqual(colonOctets("1:2:a0"), Uint8Array.of(1, 2, 0xa0));
 * strictEqual(colonOctets("1:2:100"), undefined);
 * ```
 */
export function colonOctets(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{1,2}(?::[0-9a-f]{1,2})*$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (octet) => Number.parseInt(octet, 16));
}
