/**
 * JSON the way Kea reads it: with comments (`//`, `#`, `/* … *\/`), a comma too many at the end of a list, and
 * `<?include "file"?>`, which is noted and read as nothing. Every value remembers its line.
 */

/** A value of the file. */
export type JsonNode =
  & { readonly line: number }
  & (
    | { readonly kind: "map"; readonly entries: ReadonlyMap<string, JsonNode> }
    | { readonly kind: "list"; readonly items: readonly JsonNode[] }
    | { readonly kind: "text"; readonly value: string }
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "boolean"; readonly value: boolean }
    | { readonly kind: "null" }
  );

/** A file that another one wants to have put in its place. */
export interface JsonInclude {
  readonly file: string;
  readonly line: number;
}

export type JsonResult =
  | { readonly ok: true; readonly root: JsonNode; readonly includes: readonly JsonInclude[] }
  | { readonly ok: false; readonly line: number; readonly message: string };

const DEPTH_MAX = 100;

class JsonError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a file's text. Never throws. */
export function parseJson(text: string): JsonResult {
  const reader = new Reader(text);
  try {
    return { ok: true, root: reader.root(), includes: reader.includes };
  } catch (error) {
    if (error instanceof JsonError) return { ok: false, line: error.line, message: error.message };
    throw error;
  }
}

class Reader {
  readonly includes: JsonInclude[] = [];
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  root(): JsonNode {
    this.#blank();
    const root = this.#value(0);
    this.#blank();
    if (this.#at < this.#text.length) throw this.#error(`${this.#here()} stands after the end of the configuration`);
    return root;
  }

  #value(depth: number): JsonNode {
    const line = this.#line;
    if (depth > DEPTH_MAX) throw this.#error("values are nested too deeply");
    const character = this.#text[this.#at];
    if (character === "{") return { kind: "map", line, entries: this.#map(depth) };
    if (character === "[") return { kind: "list", line, items: this.#list(depth) };
    if (character === '"') return { kind: "text", line, value: this.#string() };
    const word = /[-+.\w]+/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    if (found === "true" || found === "false") return { kind: "boolean", line, value: found === "true" };
    if (found === "null") return { kind: "null", line };
    if (/^-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(found)) return { kind: "number", line, value: Number(found) };
    this.#at -= found.length;
    throw this.#error(`${this.#here()} stands where a value was expected`);
  }

  #map(depth: number): ReadonlyMap<string, JsonNode> {
    const entries = new Map<string, JsonNode>();
    this.#items("}", () => {
      if (this.#text[this.#at] !== '"') throw this.#error(`${this.#here()} stands where a name in quotes was expected`);
      const key = this.#string();
      this.#blank();
      if (this.#text[this.#at] !== ":") throw this.#error(`${this.#here()} stands where ":" was expected`);
      this.#at += 1;
      this.#blank();
      entries.set(key, this.#value(depth + 1));
    });
    return entries;
  }

  #list(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    this.#items("]", () => items.push(this.#value(depth + 1)));
    return items;
  }

  #items(close: string, read: () => void): void {
    this.#at += 1;
    for (;;) {
      this.#blank();
      if (this.#text[this.#at] === close) break;
      read();
      this.#blank();
      if (this.#text[this.#at] === ",") this.#at += 1;
      else if (this.#text[this.#at] !== close) {
        throw this.#error(`${this.#here()} stands where "," or "${close}" was expected`);
      }
    }
    this.#at += 1;
  }

  #string(): string {
    const string = /"((?:[^"\\\n]|\\[^\n])*)"/y;
    string.lastIndex = this.#at;
    const match = string.exec(this.#text);
    if (match === null) throw this.#error("a text is not closed on its line");
    this.#at += match[0].length;
    try {
      // A tab is the one control character that Kea lets pass.
      return JSON.parse(match[0].replaceAll("\t", "\\t")) as string;
    } catch {
      throw this.#error(`${match[0]} has an escape that JSON doesn't know, or a control character`);
    }
  }

  /** White space, comments and includes. */
  #blank(): void {
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) return;
      const two = this.#text.slice(this.#at, this.#at + 2);
      if (/\s/.test(character)) this.#skip(1);
      else if (character === "#" || two === "//") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (two === "/*") this.#skipPast("*/", "a comment is not closed");
      else if (two === "<?") {
        const line = this.#line;
        const start = this.#at;
        this.#skipPast("?>", "an include is not closed");
        const file = /^<\?\s*include\s+"([^"]*)"/.exec(this.#text.slice(start, this.#at))?.[1] ?? "";
        this.includes.push({ file, line });
        // Where it stands for a whole value or entry, a comma may follow that now separates nothing.
        this.#blankThenComma();
      } else return;
    }
  }

  #blankThenComma(): void {
    const comma = /\s*,/y;
    comma.lastIndex = this.#at;
    const match = comma.exec(this.#text)?.[0];
    if (match !== undefined) this.#skip(match.length);
  }

  #skipPast(end: string, problem: string): void {
    const at = this.#text.indexOf(end, this.#at);
    if (at < 0) throw this.#error(problem);
    this.#skip(at + end.length - this.#at);
  }

  #skip(length: number): void {
    for (let index = 0; index < length; index++) {
      if (this.#text[this.#at + index] === "\n") this.#line += 1;
    }
    this.#at += length;
  }

  #here(): string {
    const found = this.#text.slice(this.#at, this.#at + 12).split(/\s/)[0] ?? "";
    return found === "" ? "the end" : `"${found.replaceAll(/[^\x20-\x7e]/g, "?")}"`;
  }

  #error(message: string): JsonError {
    return new JsonError(this.#line, message);
  }
}
