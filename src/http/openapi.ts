/** The OpenAPI document (https://spec.openapis.org/oas/v3.1.0) of a table of routes. */

import { z } from "zod";
import { ERROR_BODY, type Route } from "./routes.ts";

/** Makes the document from a table of routes. */
export function openApi(
  info: { readonly title: string; readonly version: string; readonly description: string },
  routes: readonly Route[],
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info,
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}

function operation(route: Route): object {
  const parameters = [...parametersOf(route.params, "path"), ...parametersOf(route.query, "query")];
  const success = route.response === undefined
    ? { description: "As the summary says; no JSON." }
    : { description: "Done.", content: json(route.response) };
  return {
    summary: route.summary,
    ...(route.access === "read" ? {} : { security: [{ token: [route.access] }] }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      "200": success,
      "4XX": { description: "Refused; nothing has changed.", content: json(ERROR_BODY) },
      ...(route.path === "/readyz" ? { "503": { description: "Not ready." } } : {}),
    },
  };
}

function parametersOf(schema: z.ZodType | undefined, place: "path" | "query"): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function json(schema: z.ZodType): object {
  return { "application/json": { schema: jsonSchema(schema) } };
}

function jsonSchema(schema: z.ZodType): object {
  // Parameters are described before their transformation; what JSON Schema cannot express is left open.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}
