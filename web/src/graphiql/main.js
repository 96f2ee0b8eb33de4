import "graphiql/style.css";
import "./main.css";
import { GraphiQL } from "graphiql";
import EditorWorker from "monaco-editor/esm/vs/editor/editor.worker.js?worker";
import JsonWorker from "monaco-editor/esm/vs/language/json/json.worker.js?worker";
import GraphQLWorker from "monaco-graphql/esm/graphql.worker.js?worker";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const WORKERS = { graphql: GraphQLWorker, json: JsonWorker };
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new (WORKERS[label] ?? EditorWorker)(),
};

// What is typed here may be a password, and what is answered is about people: nothing of it stays
// in the browser when the page is left.
const kept = new Map();
const memory = {
  get length() { return kept.size; },
  key: (index) => [...kept.keys()][index] ?? null,
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => { kept.set(name, String(value)); },
  removeItem: (name) => { kept.delete(name); },
  clear: () => { kept.clear(); },
};

// Who shows no token of their own asks as whoever is signed in at the portal's pages.
const root = document.getElementById("graphiql");
async function ask(operation, { headers = {}, documentAST } = {}) {
  const goesOn = documentAST?.definitions.some(({ operation: kind, name }) =>
    kind === "subscription" && [undefined, name?.value].includes(operation.operationName));
  const accept = goesOn ? "text/event-stream" : "application/json";
  const told = new Headers({ accept, ...headers });
  told.set("content-type", "application/json");
  if (root.dataset.formToken && !told.has("authorization")) {
    told.set("x-form-token", root.dataset.formToken);
  }
  const body = JSON.stringify(operation);
  const answer = await fetch("/graphql", { method: "POST", headers: told, body });
  const streams = answer.headers.get("content-type").startsWith("text/event-stream");
  return streams ? events(answer.body) : answer.json();
}

// One response after the other, of server-sent events.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = (text + value).split("\n\n");
      text = whole.pop();
      for (const event of whole.filter((one) => one.startsWith("event: next"))) {
        yield JSON.parse(event.slice(event.indexOf("data: ") + 6));
      }
    }
  } finally {
    await reader.cancel();
  }
}

const files = import.meta.glob("./journeys/*", { query: "?raw", import: "default", eager: true });
const journeys = Object.entries(files)
  .filter(([name]) => name.endsWith(".graphql"))
  .map(([name, query]) => ({ query, variables: files[name.replace(".graphql", ".json")] }));

createRoot(root).render(
  createElement(GraphiQL, {
    fetcher: ask,
    storage: memory,
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
    defaultTabs: journeys,
    defaultEditorToolsVisibility: true,
  }),
);
