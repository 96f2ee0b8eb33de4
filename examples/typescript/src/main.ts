/** The journeys from the command line; README.md says how. */
import { parseArgs } from "node:util";

import { Away, Failed, SignedOut } from "./answers.js";
import { approveAll, live, overview } from "./journeys.js";
import { Portal } from "./portal.js";

const USAGE = `\
PORTAL_PASSWORD=… node built/main.js JOURNEY ADDRESS ORGANIZATION USERNAME [--code CODE]

sign-in   says who that is, and what waits for them
approve   approves everybody who waits; who was not sure, in --department NAME
live      tells what happens to clients until Ctrl-C; --events as server-sent events
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    code: { type: "string" },
    department: { type: "string" },
    events: { type: "boolean", default: false },
  },
});

const JOURNEYS: Record<string, (portal: Portal) => AsyncIterable<string>> = {
  "sign-in": overview,
  approve: (portal) => approveAll(portal, values.department),
  live,
};

async function main(): Promise<void> {
  const [name = "", address, organization, username] = positionals;
  const journey = JOURNEYS[name];
  const password = process.env["PORTAL_PASSWORD"];
  if (!journey || !address || !organization || !username || !password) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const portal = new Portal(address, values.events ? "events" : "socket");
  const code = values.code ?? null;
  const login = { organization, username, password, surface: "PORTAL", code } as const;
  const [problem] = await portal.session.signIn(login);
  if (problem) throw new Failed(problem.code, problem.message);
  process.once("SIGINT", () => void portal.session.signOut().finally(() => process.exit()));
  for await (const line of journey(portal)) console.log(line);
  await portal.session.signOut();
}

try {
  await main();
} catch (error) {
  const isTold = error instanceof Failed || error instanceof Away || error instanceof SignedOut;
  if (!isTold) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
