/** Routes that change something: over the network with a token, over the Unix socket without. */

import { z } from "zod";
import { type Route, route, type RouteResult } from "../../src/http/routes.ts";
import type { OperationResult, Operations } from "./operations.ts";

const ADDRESS = z.object({ address: z.ipv4() });
const REVISION = z.object({ revision: z.number() });
const DONE = z.object({ done: z.literal(true) });

const RESERVATION = z.strictObject({
  address: z.ipv4(),
  hardware: z.string().optional().describe('Such as "02:00:00:00:00:01".'),
  clientId: z.string().optional().describe('Hexadecimal after 0x, such as "0x00636f6e66".'),
  hostname: z.string().optional(),
  subnet: z.string().optional().describe("As configured; only checked."),
});

/** A lease of another server. Further properties, as `/leases` has them, are ignored. */
const IMPORTED = z.object({
  address: z.string(),
  client: z.object({
    identifier: z.string().nullable().optional(),
    htype: z.number().int().min(0).max(255).optional(),
    chaddr: z.string().optional(),
  }),
  hostname: z.string().nullable().optional(),
  expires: z.string().nullable(),
});

/** Leases of one request; whoever has more sends several. */
const IMPORT_MAX = 5_000;

const OUTCOME = z.object({
  address: z.string(),
  outcome: z.enum(["imported", "known", "expired", "refused"]),
  problem: z.string().optional(),
});

const STATUS = { refused: 422, unavailable: 503, notFound: 404 } as const;

function answer<Done extends object>(result: OperationResult<Done>, body: (done: Done) => object): RouteResult {
  if (result.ok) return { body: body(result) };
  const { kind, problems } = result;
  return { status: STATUS[kind], body: { error: problems[0] ?? kind, problems } };
}

const done = (result: OperationResult) => answer(result, () => ({ done: true }));

/** All of them. */
export function operationRoutes(operations: Operations): Route[] {
  return [
    route({
      method: "get",
      path: "/config",
      access: "read",
      summary: "The service section that is served.",
      response: REVISION.extend({ service: z.record(z.string(), z.unknown()) }),
      handle: () => answer(operations.configuration(), ({ revision, service }) => ({ revision, service })),
    }),
    route({
      method: "put",
      path: "/config",
      access: "operate",
      summary: "Serves another service section, once every node that is there has found nothing wrong with it. " +
        "JSON, or YAML with that content type; without `revision` it becomes the next one.",
      query: z.strictObject({ check: z.stringbool().default(false).describe("Only have it checked by every node.") }),
      body: z.unknown().describe("As `service` in node.schema.json."),
      response: REVISION.extend({
        absent: z.array(z.number()).describe("Nodes that are away, and take it when they come."),
        warnings: z.array(z.string()).describe("Reservations, and subnets with leases, that are served no more."),
      }),
      handle: async ({ query, body }) =>
        answer(
          await operations.push(body, { checkOnly: query.check }),
          ({ revision, absent, warnings }) => ({ revision, absent: [...absent], warnings: [...warnings] }),
        ),
    }),
    route({
      method: "post",
      path: "/reservations",
      access: "operate",
      summary: "Keeps an address for a client, in the next revision of the configuration.",
      body: RESERVATION,
      response: REVISION.extend({ warnings: z.array(z.string()) }),
      handle: async ({ body }) =>
        answer(
          await operations.reserve(body),
          ({ revision, warnings }) => ({ revision, warnings: [...warnings] }),
        ),
    }),
    route({
      method: "delete",
      path: "/reservations/:address",
      access: "operate",
      summary: "Takes a reservation out, in the next revision of the configuration.",
      params: ADDRESS,
      response: REVISION,
      handle: async ({ params }) =>
        answer(await operations.unreserve(params.address), ({ revision }) => ({ revision })),
    }),
    route({
      method: "delete",
      path: "/leases/:address",
      access: "operate",
      summary: "Ends a lease, as its client's DHCPRELEASE would.",
      params: ADDRESS,
      response: DONE,
      handle: async ({ params }) => done(await operations.release(params.address)),
    }),
    route({
      method: "post",
      path: "/leases/import",
      access: "operate",
      summary: "Takes leases that another server gave; each is on a majority's disks then.",
      body: z.object({ leases: z.array(IMPORTED).max(IMPORT_MAX) }),
      response: z.object({ outcomes: z.array(OUTCOME) }),
      handle: async ({ body }) => {
        const leases = body.leases.map(({ client, ...lease }) => ({ ...lease, ...client }));
        return { body: { outcomes: await operations.importLeases(leases) } };
      },
    }),
    route({
      method: "post",
      path: "/drain",
      access: "operate",
      summary: "Serves no clients until it is undone or the node restarts; relays go elsewhere.",
      body: z.strictObject({ drain: z.boolean().default(true) }),
      response: z.object({ others: z.number().describe("Members that serve beside this one.") }),
      handle: ({ body }) => answer(operations.drain(body.drain), ({ others }) => ({ others })),
    }),
    route({
      method: "post",
      path: "/election",
      access: "operate",
      summary: "Has the cluster elect its leader anew.",
      response: DONE,
      handle: () => done(operations.elect()),
    }),
    route({
      method: "post",
      path: "/stepdown",
      access: "operate",
      summary: "Leaves leading to other nodes for a while.",
      response: DONE,
      handle: () => done(operations.stepDown()),
    }),
    route({
      method: "post",
      path: "/members",
      access: "operate",
      summary: "Adds a member, on the leader; it has to run at its address already.",
      body: z.strictObject({ id: z.number().int().min(1).max(255), address: z.ipv4() }),
      response: z.object({ epoch: z.number() }),
      handle: async ({ body }) =>
        answer(await operations.changeMembers({ kind: "add", ...body }), ({ epoch }) => ({ epoch })),
    }),
    route({
      method: "delete",
      path: "/members/:id",
      access: "operate",
      summary: "Removes a member, on the leader.",
      params: z.object({ id: z.coerce.number().int().min(1).max(255) }),
      response: z.object({ epoch: z.number() }),
      handle: async ({ params }) =>
        answer(await operations.changeMembers({ kind: "remove", id: params.id }), ({ epoch }) => ({ epoch })),
    }),
  ];
}
