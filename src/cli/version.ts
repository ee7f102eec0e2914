/** The one place that knows the version: deno.json, imported so that compiled programs carry it, and the commit. */

import metadata from "../../deno.json" with { type: "json" };
import { COMMIT } from "./commit.ts";

/** Semantic version of node and relay, which are released together. */
export const VERSION: string = metadata.version;

/** The version with its commit, as shown to operators. */
export const VERSION_TEXT: string = `${VERSION} (${COMMIT === "" ? "from source" : `commit ${COMMIT}`})`;
