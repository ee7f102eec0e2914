/** The certificate that HTTP is served with, and the certificates that its clients trust, from files. */

import { X509Certificate } from "node:crypto";
import type { Logger } from "@logtape/logtape";
import { firstLine, readPrivateFile } from "../cli/private_file.ts";

/** `http.tls`. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate with its chain, and its key, in PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate or its key can't be used. `message` is one line that names the file and says what to do. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

const KEY_BYTES_MAX = 65_536;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----/;

/** Reads both files. Rejects with one line that names the file and says what to do. */
export async function readTls({ certFile, keyFile }: TlsFiles): Promise<TlsIdentity> {
  const cert = await readCertificates(certFile, "certificate (http.tls.certFile)");
  const key = await readPrivateFile(keyFile, {
    what: "key (http.tls.keyFile)",
    make: "name the key of the certificate",
    bytesMax: KEY_BYTES_MAX,
  });
  try {
    // What the server would do with them, at a port of no meaning.
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
  } catch (error) {
    throw new CertificateError(
      `Cannot serve HTTPS with ${certFile} and ${keyFile}: ${firstLine(error)}; ` +
        "give the server's certificate, followed by those of its issuers, and its own key, all in PEM",
      { cause: error },
    );
  }
  return { cert, key };
}

/** Certificates in PEM. Rejects with one line. `what` begins with the kind of file. */
export async function readCertificates(path: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new CertificateError(`Cannot read the ${what} ${path}: ${firstLine(error)}; name a file in PEM`, {
      cause: error,
    });
  }
  try {
    if (!CERTIFICATE.test(text)) throw new Error("it has no certificate");
    new X509Certificate(text);
  } catch (error) {
    throw new CertificateError(
      `Cannot use the ${what} ${path}: ${firstLine(error)}; it must be in PEM, with BEGIN CERTIFICATE`,
      { cause: error },
    );
  }
  return text;
}

/** A client that trusts these certificates beside the system's; undefined: the system's only. */
export function clientTrusting(certificates: string | undefined): Deno.HttpClient | undefined {
  return certificates === undefined ? undefined : Deno.createHttpClient({ caCerts: [certificates] });
}

/** Reads the files of a server again. With bad ones it keeps its certificate, and the log says why. */
export async function renewIdentity(
  server: { identify(identity: TlsIdentity): void },
  files: TlsFiles | undefined,
  log: Logger,
): Promise<void> {
  if (files === undefined) return;
  try {
    server.identify(await readTls(files));
  } catch (error) {
    log.error("HTTPS keeps the certificate it has: {reason}", { reason: firstLine(error) });
  }
}

/** The files that a reload reads again. */
export function tlsFilesOf({ tls }: { readonly tls?: TlsFiles | undefined }): string[] {
  return tls === undefined ? [] : [tls.certFile, tls.keyFile];
}

/** Why a `fetch` failed, in one line. */
export function failureOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const text = firstLine(cause ?? error);
  const certificate = certificateFault(text);
  return certificate === undefined ? text : `its certificate is not trusted (${certificate}); give --ca`;
}

/** What is wrong with the server's certificate, in the text of a failed `fetch`; undefined: it failed otherwise. */
export function certificateFault(text: string): string | undefined {
  return /invalid peer certificate: (.*)$/.exec(text)?.[1];
}
