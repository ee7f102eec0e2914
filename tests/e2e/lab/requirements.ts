/** Whether this machine can host the laboratory. */

import { absentTools, TEST_TOOLS } from "../../../scripts/setup/packages.ts";
import { labName } from "./janitor.ts";
import { runSync } from "./process.ts";

/** Why the end-to-end tests can't run here, with what to do about it; undefined when they can. */
export function obstacle(): string | undefined {
  if (Deno.build.os !== "linux") return "network namespaces need Linux";
  if (Deno.uid() !== 0) return "network namespaces need root: run the tests as root";
  const missing = absentTools(TEST_TOOLS).map((tool) => tool.package);
  if (missing.length > 0) return `missing ${missing.join(", ")}: install them`;
  const probe = labName();
  runSync("ip", ["netns", "add", probe]);
  const made = runSync("ip", ["netns", "list"]).includes(probe);
  runSync("ip", ["netns", "delete", probe]);
  return made ? undefined : "this root may not make network namespaces: give it CAP_SYS_ADMIN and CAP_NET_ADMIN";
}
