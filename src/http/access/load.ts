/** What the guards of a program are made of: its token files, and the names that it answers to. */

import { LimitedLog } from "../../log/limited.ts";
import type { Logger } from "@logtape/logtape";
import { formatOrigin, HttpAccess } from "./access.ts";
import { makeToken, readTokenFile, readTokensFile, type Token } from "./tokens.ts";

/** Names of files, as the `http` section has them. */
export interface TokenFiles {
  /** One token for everything. */
  readonly tokenFile?: string | undefined;
  /** Named tokens. */
  readonly tokensFile?: string | undefined;
  /** One token for reading. */
  readonly readTokenFile?: string | undefined;
}

/** Reads all tokens. Rejects with one line that names the file and says what to do. */
export async function readTokens({ tokenFile, tokensFile, readTokenFile: readFile }: TokenFiles): Promise<Token[]> {
  const one = async (path: string | undefined, name: string, role: "read" | "admin") =>
    path === undefined ? [] : [makeToken({ name, role }, await readTokenFile(path))];
  const named = tokensFile === undefined ? [] : await readTokensFile(tokensFile);
  return [
    ...await one(tokenFile, "http.tokenFile", "admin"),
    ...await one(readFile, "http.readTokenFile", "read"),
    ...named,
  ];
}

/** The files that a reload reads again. */
export function tokenFilesOf({ tokenFile, tokensFile, readTokenFile }: TokenFiles): string[] {
  return [tokenFile, tokensFile, readTokenFile].filter((path) => path !== undefined);
}

/** Where Linux has the name of the machine. */
const HOSTNAME_FILE = "/proc/sys/kernel/hostname";

/** The configured names and the machine's own, in lower case. */
async function hostNames(hosts: readonly string[]): Promise<string[]> {
  let own: string[] = [];
  try {
    own = [(await Deno.readTextFile(HOSTNAME_FILE)).trim()];
  } catch {
    // Without it the configured names have to do.
  }
  return [...hosts, ...own].map((name) => name.toLowerCase());
}

/** Guards that can be given other tokens while they are in use. */
export interface ReloadableAccess {
  readonly guards: HttpAccess;
  /** Reads the token files again. Rejects, and changes nothing, when one is bad. */
  reload(): Promise<void>;
  close(): void;
}

/** Makes the guards of a program by its `http` section. Rejects with one line when a token file is bad. */
export async function loadAccess(
  http: TokenFiles & { readonly hosts: readonly string[] },
  log: Logger,
): Promise<ReloadableAccess> {
  let tokens = await readTokens(http);
  const hosts = await hostNames(http.hosts);
  const monotonicMs = () => performance.now();
  const limited = new LimitedLog(log, "warn", monotonicMs);
  const guards = new HttpAccess({
    tokens: () => tokens,
    hosts: () => hosts,
    wallMs: Date.now,
    monotonicMs,
    refused: (reason, text, from) => {
      if (limited.admit(`HTTP requests from ${formatOrigin(from)} refused: ${reason}`)) log.warn("{text}", { text });
    },
  });
  return {
    guards,
    reload: async () => {
      tokens = await readTokens(http);
    },
    close: () => limited.close(),
  };
}
