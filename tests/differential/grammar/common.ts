/** What the grammars of all servers have in common. */

import fc from "fast-check";

/** Networks 10.N.0.0/24; the server has an address in the first one. */
export const NETWORKS = [1, 2, 3];

export const NAMES = ["alpha", "beta.example", "gamma.example", "delta"];
export const FILES = ["pxelinux.0", "snp.efi", "http://10.1.0.5/menu", "undionly.kpxe"];
export const VENDORS = ["Acme", "Acme-9000", "PXEClient", "PXEClient:Arch:00007", "HTTPClient", "Other"];
export const ARCHITECTURES = [0, 7, 9];
export const MACS = ["02:00:00:00:00:44", "02:00:00:00:00:45", "02:00:00:00:00:46"];
export const SECONDS = [300, 600, 900, 1800, 3600, 7200];

export const name = fc.constantFrom(...NAMES);
export const file = fc.constantFrom(...FILES);
export const vendor = fc.constantFrom(...VENDORS);
export const architecture = fc.constantFrom(...ARCHITECTURES);
export const seconds = fc.constantFrom(...SECONDS);
/** Addresses of servers, outside of all pools. */
export const server = fc.integer({ min: 2, max: 9 }).map((last) => `10.1.0.${last}`);

/** None or a few. */
export function few<T>(one: fc.Arbitrary<T>, max = 3): fc.Arbitrary<T[]> {
  return fc.array(one, { maxLength: max });
}

/** Present in one file of `of`. */
export function seldom<T>(one: fc.Arbitrary<T>, of = 4): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: of - 1, arbitrary: fc.constant(undefined) }, one);
}
