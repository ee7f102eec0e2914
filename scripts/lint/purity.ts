/**
 * Lint plugin: the pure folders decide, they do not act.
 *
 * Protocol logic takes time, randomness and input as arguments so that the same code runs in the product and in the
 * deterministic simulator. This rule bans every ambient source of time, chance and effect there; tests beside the
 * sources are exempt.
 */

const PURE = [
  "/src/bytes/",
  "/src/dhcp/",
  "/src/lease/",
  "/src/rate/",
  "/src/cluster/",
  "/src/core/",
  "/src/convert/",
  "/relay/forward/",
  "/relay/select/",
];

const BANNED = new Set([
  "Date",
  "performance",
  "Deno",
  "crypto",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "clearTimeout",
  "clearInterval",
  "fetch",
  "Worker",
]);

const EFFECTFUL_IMPORT = /^node:(?!assert)/;

function isPure(filename: string): boolean {
  const path = filename.replaceAll("\\", "/");
  return PURE.some((folder) => path.includes(folder)) && !/_(test|bench)\.ts$/.test(path);
}

function isMemberName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  return (parent.type === "MemberExpression" && parent.property === node && !parent.computed) ||
    (parent.type === "Property" && parent.key === node && !parent.shorthand) ||
    parent.type === "TSPropertySignature" || parent.type === "TSTypeReference";
}

const plugin: Deno.lint.Plugin = {
  name: "purity",
  rules: {
    "no-ambient": {
      create(context) {
        if (!isPure(context.filename)) return {};
        return {
          Identifier(node) {
            if (!BANNED.has(node.name) || isMemberName(node)) return;
            context.report({
              node,
              message: `"${node.name}" is an ambient effect: pure code takes it as an argument`,
            });
          },
          MemberExpression(node) {
            if (node.object.type !== "Identifier" || node.object.name !== "Math") return;
            if (node.property.type !== "Identifier" || node.property.name !== "random") return;
            context.report({
              node,
              message: '"Math.random" is ambient chance: pure code takes a generator as an argument',
            });
          },
          ImportDeclaration(node) {
            if (!EFFECTFUL_IMPORT.test(node.source.value)) return;
            context.report({
              node,
              message: `"${node.source.value}" reaches outside: pure code may not import it`,
            });
          },
        };
      },
    },
  },
};

export default plugin;
