/**
 * A software bill of materials in CycloneDX 1.6 (ECMA-424): what is inside the executables. It has no time and no
 * serial number, so that two builds of one commit have the same.
 *
 * Not `@cyclonedx/cyclonedx-library` 10.3.0: its optional validators, one of them native, would be downloaded by every
 * build for what is one JSON object here.
 */

import { toHex } from "../../src/bytes/hex.ts";
import type { Runtime } from "./notices.ts";
import type { Package } from "./packages.ts";

/** What is described. */
export interface Materials {
  readonly version: string;
  /** Empty where git does not tell. */
  readonly commit: string;
  readonly runtime: Runtime;
  readonly packages: readonly Package[];
  /** The executables: file name and SHA-256 in hexadecimal. */
  readonly executables: readonly { readonly name: string; readonly sha256: string }[];
}

/** The document as JSON text. */
export function sbom({ version, commit, runtime, packages, executables }: Materials): string {
  const self = `pkg:generic/dhcpcluster@${version}`;
  const runtimes = [
    {
      type: "platform",
      "bom-ref": `pkg:github/denoland/deno@v${runtime.deno}`,
      name: "deno",
      version: runtime.deno,
      licenses: licences("MIT"),
      purl: `pkg:github/denoland/deno@v${runtime.deno}`,
      externalReferences: [{ type: "vcs", url: "https://github.com/denoland/deno" }],
    },
    {
      type: "library",
      "bom-ref": `pkg:generic/v8@${runtime.v8}`,
      name: "v8",
      version: runtime.v8,
      licenses: licences("BSD-3-Clause"),
      purl: `pkg:generic/v8@${runtime.v8}`,
    },
  ];
  const libraries = packages.map(({ name, version, licence, integrity }) => ({
    type: "library",
    "bom-ref": purlOf(name, version),
    ...(name.startsWith("@") ? { group: name.split("/")[0], name: name.split("/")[1] } : { name }),
    version,
    hashes: [{ alg: "SHA-512", content: hexOf(integrity) }],
    licenses: licences(licence),
    purl: purlOf(name, version),
    externalReferences: [{ type: "distribution", url: archiveOf(name, version) }],
  }));
  const files = executables.map(({ name, sha256 }) => ({
    type: "file",
    "bom-ref": name,
    name,
    hashes: [{ alg: "SHA-256", content: sha256 }],
  }));
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": self,
        name: "dhcpcluster",
        version,
        licenses: licences("MIT"),
        purl: self,
        ...(commit === "" ? {} : { properties: [{ name: "dhcpcluster:commit", value: commit }] }),
        components: files,
      },
    },
    components: [...runtimes, ...libraries],
    dependencies: [
      { ref: self, dependsOn: [...runtimes, ...libraries].map((each) => each["bom-ref"]) },
      ...libraries.map((each) => ({ ref: each["bom-ref"] })),
      { ref: runtimes[0]?.["bom-ref"], dependsOn: [runtimes[1]?.["bom-ref"]] },
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** An SPDX identifier, or an expression of several. */
function licences(spdx: string): object[] {
  return /[\s()]/.test(spdx) ? [{ expression: spdx }] : [{ license: { id: spdx } }];
}

/** Package URL of an npm package. */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** Where the registry has a package. */
function archiveOf(name: string, version: string): string {
  return `https://registry.npmjs.org/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
}

function hexOf(integrity: string): string {
  const octets = Uint8Array.from(atob(integrity.replace("sha512-", "")), (character) => character.charCodeAt(0));
  return toHex(octets);
}
