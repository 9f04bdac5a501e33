import type { CodegenConfig } from "@graphql-codegen/cli";

// Types for every operation in src/**/*.graphql, checked against the server's schema.
const config: CodegenConfig = {
  schema: "../schema/*.graphqls",
  documents: "src/**/*.graphql",
  silent: true,
  generates: {
    "src/generated/operations.ts": {
      plugins: ["typescript-operations", "typed-document-node"],
      config: {
        scalars: { ID: "string", Time: "string", Cursor: "string", Version: "number" },
        enumsAsTypes: true,
        useTypeImports: true,
        skipTypename: true,
        avoidOptionals: { field: true },
        maybeValue: "T | null",
        documentMode: "documentNode",
        dedupeFragments: true,
      },
    },
  },
};

export default config;
