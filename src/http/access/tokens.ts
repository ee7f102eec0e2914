/**
 * Tokens of HTTP: what a file says, and which token a caller has shown. A token file has one token; a file with named
 * tokens says for each what it may do and until when.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { parseDocument } from "yaml";
import { z } from "zod";
import { PrivateFileError, readPrivateFile } from "../../cli/private_file.ts";
import { type Caller, type Role, ROLES } from "./roles.ts";

/** A token file can't be used. `message` is one line that names the file and says what to do. */
export class TokenFileError extends Error {
  override readonly name = "TokenFileError";
}

/** Long enough not to be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
/** RFC 6750 §2.1: b64token. */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const WANTED = `at least ${TOKEN_CHARACTERS_MIN} letters, digits or -._~+/ (RFC 6750 §2.1), without spaces`;
const MAKE = "openssl rand -hex 32";
/** Names appear in the log and in the audit log. */
const NAME = /^[A-Za-z0-9][\w.@-]{0,63}$/;

/** A token, and what it is good for. */
export interface Token extends Caller {
  /** SHA-256 of the token: comparing takes the same time for every token. */
  readonly digest: Uint8Array;
  /** Ms since 1970; undefined: it does not expire. */
  readonly expiresMs?: number | undefined;
}

/** Makes a token of its text. */
export function makeToken(caller: Caller, text: string, expiresMs?: number): Token {
  return { ...caller, digest: digestOf(text), expiresMs };
}

function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** The token with this text, also when it has expired. Every token is compared, whichever it is. */
export function findToken(tokens: readonly Token[], text: string): Token | undefined {
  const digest = digestOf(text);
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}

/** Whether a text can be a token. */
function isToken(text: string): boolean {
  return text.length >= TOKEN_CHARACTERS_MIN && BEARER_TOKEN.test(text);
}

/** The text of a file with tokens. */
async function readSecret(path: string, wanted: Parameters<typeof readPrivateFile>[1]): Promise<string> {
  try {
    return await readPrivateFile(path, wanted);
  } catch (error) {
    throw error instanceof PrivateFileError ? new TokenFileError(error.message) : error;
  }
}

/** Reads a token file: one line. Rejects with one line that says what to do. */
export async function readTokenFile(path: string): Promise<string> {
  const text = await readSecret(path, {
    what: "token file",
    make: `make it with: ${MAKE} > ${path}, and chmod 600 ${path}`,
  });
  const token = text.trim();
  if (!isToken(token)) throw new TokenFileError(`Cannot use ${path} as token file: it must be one line of ${WANTED}`);
  return token;
}

const ENTRY = z.strictObject({
  name: z.string().regex(NAME, "must be 1 to 64 letters, digits or ._@-, such as alice"),
  role: z.enum(ROLES, `must be one of ${ROLES.join(", ")}`),
  token: z.string().refine(isToken, `must be ${WANTED}; make one with: ${MAKE}`),
  expires: z.coerce.string().refine((text) => !Number.isNaN(Date.parse(text)), "must be a date, such as 2030-12-31")
    .optional(),
});

/** Hundreds of tokens. */
const TOKENS_BYTES_MAX = 65_536;

/**
 * Reads named tokens: a YAML list of `{ name, role, token, expires }`. Rejects with one line that says what to do; the
 * line never holds a token.
 */
export async function readTokensFile(path: string): Promise<Token[]> {
  const text = await readSecret(path, {
    what: "tokens file",
    make: `make it, a list of lines such as "- { name: alice, role: operate, token: … }", and chmod 600 ${path}`,
    bytesMax: TOKENS_BYTES_MAX,
  });
  const fault = (problem: string) => new TokenFileError(`Cannot use ${path} as tokens file: ${problem}`);
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) {
    throw fault("it is not YAML; write lines such as - { name: alice, role: operate, token: … }");
  }
  const root: unknown = document.toJS();
  const read = z.array(ENTRY).safeParse(root ?? []);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw fault(`${issue?.path.length === 0 ? "it" : `[${issue?.path.join("].")}`} ${issue?.message}`);
  }
  const names = read.data.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw fault(`the name ${twice} is there twice; give each token a name of its own`);
  return read.data.map(({ name, role, token, expires }) =>
    makeToken({ name, role }, token, expires === undefined ? undefined : Date.parse(expires))
  );
}

/** Which roles the callers without a token lack: reading is open until a token for it exists. */
export function isReadOpen(tokens: readonly { readonly role: Role }[]): boolean {
  return tokens.every(({ role }) => role !== "read");
}
