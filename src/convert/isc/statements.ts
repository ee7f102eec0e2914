/**
 * `dhcpd.conf` as a tree (dhcpd.conf(5)): statements that end with a semicolon, declarations with a block. The reader
 * of the tree interprets the words.
 */

import { IscSyntaxError, Lexer, type Token } from "./lexer.ts";

/** One statement or declaration. */
export interface Statement {
  /** Without the semicolon or the block. Never empty. */
  readonly words: readonly Token[];
  /** Undefined for a statement. */
  readonly block: readonly Statement[] | undefined;
  readonly line: number;
}

type StatementsResult = { readonly ok: true; readonly statements: readonly Statement[] } | {
  readonly ok: false;
  readonly line: number;
  readonly message: string;
};

const DEPTH_MAX = 100;

/** Parses a file. Never throws. */
export function parseStatements(text: string): StatementsResult {
  const lexer = new Lexer(text);
  try {
    return { ok: true, statements: block(lexer, 0, undefined) };
  } catch (error) {
    if (error instanceof IscSyntaxError) return { ok: false, line: error.line, message: error.message };
    throw error;
  }
}

function block(lexer: Lexer, depth: number, opened: Token | undefined): Statement[] {
  if (depth > DEPTH_MAX) {
    throw new IscSyntaxError(lexer.line, `declarations are nested too deeply: more than ${DEPTH_MAX}`);
  }
  const statements: Statement[] = [];
  for (;;) {
    const token = lexer.peek();
    if (token === undefined) {
      if (opened === undefined) return statements;
      throw new IscSyntaxError(opened.line, 'this "{" is not closed');
    }
    if (isMark(token, "}")) {
      if (opened === undefined) throw new IscSyntaxError(token.line, '"}" closes nothing');
      lexer.next();
      return statements;
    }
    if (isMark(token, ";")) lexer.next();
    else statements.push(statement(lexer, depth, token));
  }
}

function statement(lexer: Lexer, depth: number, first: Token): Statement {
  const words: Token[] = [];
  for (;;) {
    const token = lexer.next();
    if (token === undefined || isMark(token, "}")) {
      throw new IscSyntaxError(first.line, `the statement "${first.text}" does not end with ";"`);
    }
    if (isMark(token, ";")) return { words, block: undefined, line: first.line };
    if (isMark(token, "{")) {
      if (!isRecord(words)) return { words, block: block(lexer, depth + 1, token), line: first.line };
      // `option x code 1 = { integer 8, text };`: the braces belong to the statement.
      for (let inner = token; !isMark(inner, "}");) {
        words.push(inner);
        const next = lexer.next();
        if (next === undefined) throw new IscSyntaxError(token.line, 'this "{" is not closed');
        inner = next;
        if (isMark(inner, "}")) words.push(inner);
      }
    } else words.push(token);
  }
}

function isRecord(words: readonly Token[]): boolean {
  return words[0]?.text === "option" && words.some((word) => word.text === "code") &&
    words.some((word) => isMark(word, "="));
}

/** Whether a token is this character, and not a string of it. */
export function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === "mark" && token.text === text;
}

/** A statement on one line, for messages. */
export function statementText({ words, block }: Statement): string {
  const text = words.map((word) => word.kind === "string" ? JSON.stringify(word.text) : word.text).join(" ")
    .replaceAll(/ ([,)])/g, "$1").replaceAll("( ", "(");
  return block === undefined ? `${text};` : `${text} { ... }`;
}
