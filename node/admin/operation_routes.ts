/** Routes that change something: with a token of the role over the network, without one over the Unix socket. */

import { z } from "zod";
import { type Route, route, type RouteResult } from "../../src/http/routes.ts";
import type { OperationResult, Operations } from "./operations.ts";

const ADDRESS = z.object({ address: z.ipv4() });
const REVISION = z.object({ revision: z.number() });
const DONE = z.object({ done: z.literal(true) });

const ONE_OR_MORE = z.union([z.string(), z.array(z.string())]).optional();

const RESERVATION = z.strictObject({
  address: z.ipv4(),
  hardware: ONE_OR_MORE.describe('Such as "02:00:00:00:00:01"; a list: whichever of them asks first.'),
  clientId: ONE_OR_MORE.describe('Hexadecimal after 0x, such as "0x00636f6e66"; or a list.'),
  circuitId: z.string().optional().describe("Of option 82, as text, or hexadecimal after 0x."),
  remoteId: z.string().optional().describe("The same."),
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
  state: z.enum(["bound", "declined"]).optional().describe("`declined`: the address rests until `expires`."),
});

/** Leases per request; more need several requests. */
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

/** All routes of the operations. */
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
      access: "admin",
      summary: "Serves another service section after every running node has accepted it. " +
        "JSON, or YAML with that content type; without `revision` it gets the next one.",
      query: z.strictObject({ check: z.stringbool().default(false).describe("Only validate, on every node.") }),
      body: z.unknown().describe("As `service` in node.schema.json."),
      response: REVISION.extend({
        absent: z.array(z.number()).describe("Nodes that are down; they take it when they return."),
        warnings: z.array(z.string()).describe("Reservations, and subnets with leases, that it removes."),
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
      summary: "Reserves an address for a client, in the next revision of the configuration.",
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
      summary: "Removes a reservation, in the next revision of the configuration.",
      params: ADDRESS,
      response: REVISION,
      handle: async ({ params }) =>
        answer(await operations.unreserve(params.address), ({ revision }) => ({ revision })),
    }),
    route({
      method: "delete",
      path: "/leases/:address",
      access: "operate",
      summary: "Ends a lease, as a DHCPRELEASE of its client does, or the rest of a declined address.",
      params: ADDRESS,
      response: DONE,
      handle: async ({ params }) => done(await operations.release(params.address)),
    }),
    route({
      method: "post",
      path: "/reuse",
      access: "operate",
      summary: "Lets declined addresses be leased again before their rest is over.",
      body: z.strictObject({ addresses: z.string().describe('An address, or a network such as "10.77.0.0/16".') }),
      response: z.object({ ended: z.number().describe("Addresses whose rest is over.") }),
      handle: async ({ body }) => answer(await operations.reuse(body.addresses), ({ ended }) => ({ ended })),
    }),
    route({
      method: "post",
      path: "/leases/import",
      access: "operate",
      summary: "Imports leases of another server; each is committed by a majority.",
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
      summary: "Serves no clients until it is undone or the node restarts; relays choose other nodes.",
      body: z.strictObject({ drain: z.boolean().default(true) }),
      response: z.object({ others: z.number().describe("Other members that serve.") }),
      handle: ({ body }) => answer(operations.drain(body.drain), ({ others }) => ({ others })),
    }),
    route({
      method: "post",
      path: "/election",
      access: "operate",
      summary: "Starts an election.",
      response: DONE,
      handle: () => done(operations.elect()),
    }),
    route({
      method: "post",
      path: "/stepdown",
      access: "operate",
      summary: "The leader steps down and does not stand for election for a while.",
      response: DONE,
      handle: () => done(operations.stepDown()),
    }),
    route({
      method: "post",
      path: "/members",
      access: "admin",
      summary: "Adds a member, on the leader; it must already run at its address.",
      body: z.strictObject({ id: z.number().int().min(1).max(255), address: z.ipv4() }),
      response: z.object({ epoch: z.number() }),
      handle: async ({ body }) =>
        answer(await operations.changeMembers({ kind: "add", ...body }), ({ epoch }) => ({ epoch })),
    }),
    route({
      method: "delete",
      path: "/members/:id",
      access: "admin",
      summary: "Removes a member, on the leader.",
      params: z.object({ id: z.coerce.number().int().min(1).max(255) }),
      response: z.object({ epoch: z.number() }),
      handle: async ({ params }) =>
        answer(await operations.changeMembers({ kind: "remove", id: params.id }), ({ epoch }) => ({ epoch })),
    }),
  ];
}
