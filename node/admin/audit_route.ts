/** `GET /audit`: what was changed on this node, by whom. */

import { z } from "zod";
import { type Change, type Route, route } from "../../src/http/routes.ts";
import { ROLES } from "../../src/http/access/roles.ts";
import { AUDIT_ENTRIES_MAX, type AuditEntry, type AuditLog } from "./audit.ts";

const ENTRY = z.object({
  number: z.number(),
  time: z.string(),
  who: z.string().describe("Name of the token; `local`: a command on the node's machine; `signal`: SIGHUP."),
  role: z.enum(ROLES),
  from: z.string(),
  action: z.string(),
  request: z.unknown().optional(),
  status: z.number(),
  result: z.unknown().optional(),
});

export const AUDIT = z.object({ entries: z.array(ENTRY) });

/** The entry of a change. */
export function entryOf({ caller: { name, role }, origin, action, request, status, answer }: Change): AuditEntry {
  return {
    who: name,
    role,
    from: origin,
    action,
    ...(Object.keys(request).length > 0 ? { request } : {}),
    status,
    result: answer,
  };
}

export function auditRoute(audit: AuditLog): Route {
  return route({
    method: "get",
    path: "/audit",
    access: "operate",
    summary: "The newest changes on this node, oldest first; audit.jsonl in its state directory has more.",
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(AUDIT_ENTRIES_MAX).default(100),
      after: z.coerce.number().int().min(0).optional().describe("Only entries with higher numbers."),
    }),
    response: AUDIT,
    handle: ({ query }) => ({ body: { entries: audit.newest(query) } }),
  });
}
