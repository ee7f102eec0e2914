/** The one place that knows the version: deno.json, imported so that compiled programs carry it. */

import metadata from "../../deno.json" with { type: "json" };

/** Semantic version of node and relay, which are released together. */
export const VERSION: string = metadata.version;
