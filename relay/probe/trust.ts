/** Which certificates a probe trusts: those of `nodes[].ca`, beside the system's. */

import { clientTrusting, readCertificates } from "../../src/http/tls.ts";

/** A node whose health URL is asked. */
interface TrustedNode {
  readonly health: string;
  readonly ca?: string | undefined;
}

/** Clients for `fetch`, by health URL. */
export class Trust {
  readonly #clients: ReadonlyMap<string, Deno.HttpClient>;

  private constructor(clients: ReadonlyMap<string, Deno.HttpClient>) {
    this.#clients = clients;
  }

  /** Reads the files. Rejects with a `CertificateError`. */
  static async read(nodes: readonly TrustedNode[]): Promise<Trust> {
    const clients = new Map<string, Deno.HttpClient>();
    for (const { health, ca } of nodes) {
      if (ca === undefined) continue;
      const client = clientTrusting(await readCertificates(ca, "certificates (nodes[].ca)"));
      if (client !== undefined) clients.set(health, client);
    }
    return new Trust(clients);
  }

  /** The client for a health URL; undefined: the usual one. */
  clientFor(health: string): Deno.HttpClient | undefined {
    return this.#clients.get(health);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** The files that a reload reads again. */
export function caFilesOf({ nodes }: { readonly nodes: readonly TrustedNode[] }): string[] {
  return nodes.map(({ ca }) => ca).filter((path) => path !== undefined);
}
