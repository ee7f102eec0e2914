/** Routes of option 121 and its like whose destination has bits set beyond its prefix: they are trimmed (RFC 3442). */

import { optionByKey, OPTIONS } from "../dhcp/options/mod.ts";
import { formatPrefix, networkOf, parsePrefix } from "../net/ipv4.ts";
import { formatPath, type Path } from "./issue.ts";
import { asList, asMapping } from "./plain.ts";

const ROUTES: readonly number[] = [OPTIONS.classlessStaticRoutes.code, OPTIONS.msClasslessStaticRoutes.code];

/** A line for each, from a file's plain values. */
export function trimmedRoutes(root: unknown): string[] {
  const found: string[] = [];
  const walk = (value: unknown, path: Path) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const place = [...path, Array.isArray(value) ? Number(key) : key];
      if (path.at(-1) !== "options" || !ROUTES.includes(optionByKey(key)?.code ?? 0)) walk(inner, place);
      else for (const route of asList(inner)) found.push(...trimmed(asMapping(route).destination, place));
    }
  };
  walk(asMapping(root).service, ["service"]);
  return found;
}

function trimmed(destination: unknown, path: Path): string[] {
  if (typeof destination !== "string" || parsePrefix(destination) !== undefined) return [];
  const network = networkOf(destination);
  if (network === undefined) return [];
  return [`${formatPath(path)}: "${destination}" has bits set beyond its prefix: clients get ${formatPrefix(network)}`];
}
