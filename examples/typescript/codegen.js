// Types and documents of all that may be asked, from the schema and the operations of this checkout:
// src/generated.ts. What does not fit the schema ends it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const root = new URL("../../", import.meta.url);
const read = (path) => parse(readFileSync(new URL(path, root), "utf8"));
const paths = readdirSync(new URL("operations/", root)).map((name) => `operations/${name}`);

const generated = await codegen({
  filename: "generated.ts",
  schema: read("schema.graphql"),
  documents: paths.map((location) => ({ location, document: read(location) })),
  pluginMap: { typescriptOperations, typedDocumentNode },
  plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
  config: {
    documentNodeImport: "@urql/core#TypedDocumentNode",
    futureProofEnums: true, // new values may come, and the compiler asks what is done about them
    immutableTypes: true,
    scalars: { Date: "string", DateTime: "string", ID: "string", JSON: "unknown" },
    strictScalars: true,
    useTypeImports: true,
  },
});
writeFileSync(new URL("src/generated.ts", import.meta.url), generated);
