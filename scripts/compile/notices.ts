/** The licence notices that an executable has to carry: of the project, of the runtime, and of each npm package. */

import type { Package } from "./packages.ts";

/** The runtime that `deno compile` puts a program behind. */
export interface Runtime {
  readonly deno: string;
  readonly v8: string;
}

const RULE = "-".repeat(80);

const MIT_TERMS =
  `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** One text; `own` is the project's LICENSE. */
export function notices(own: string, { deno, v8 }: Runtime, packages: readonly Package[]): string {
  const runtime = `MIT License

Copyright 2018-2026 the Deno authors

${MIT_TERMS}

The runtime contains V8 ${v8} (BSD-3-Clause, https://v8.dev), SQLite (public domain, https://sqlite.org) and the Rust
crates of https://github.com/denoland/deno/blob/v${deno}/Cargo.lock.`;
  const parts = [
    ["dhcpcluster", own.trim()],
    [`Deno ${deno}, the runtime`, runtime],
    ...packages.map(({ name, version, licence, licenceText }) => [`${name} ${version} (${licence})`, licenceText]),
  ];
  return `${parts.map(([title, text]) => `${RULE}\n${title}\n${RULE}\n\n${text}\n`).join("\n")}`;
}
