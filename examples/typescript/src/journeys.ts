/** What somebody does at the portal, in lines: see what waits, approve it, follow what happens. */
import { SignedOut } from "./answers.js";
import { changes, lastChange } from "./changes.js";
import {
  ClientApproveDocument,
  ClientCountDocument,
  type ClientRowFragment,
  ClientsDocument,
  type ClientsQueryVariables,
  DepartmentsDocument,
  ViewerDocument,
} from "./generated.js";
import type { Portal } from "./portal.js";

/** Who is signed in, and what they see first. */
export async function* overview(portal: Portal): AsyncGenerator<string> {
  const [{ departments }, { clients }] = await Promise.all([
    portal.ask(DepartmentsDocument, {}),
    portal.ask(ClientCountDocument, { status: "PENDING" }),
  ]);
  // Anybody may ask this. With a token that has run out it is null: nothing would be refreshed.
  const { viewer } = await portal.ask(ViewerDocument, {});
  if (!viewer?.staff) throw new SignedOut("The session is over.");
  yield `${viewer.staff.displayName} may ${viewer.permissions.join(", ")}.`;
  yield `${departments.map(({ name }) => name).join(", ")}: ${clients.totalCount} wait.`;
}

/** Approves everybody who waits; who was not sure of a department, in that of this name. */
export async function* approveAll(portal: Portal, department?: string): AsyncGenerator<string> {
  let page: ClientsQueryVariables = { status: "PENDING" };
  let hasNextPage = true;
  while (hasNextPage) {
    const { clients } = await portal.ask(ClientsDocument, page);
    for (const client of clients.nodes) {
      yield `${client.firstName} ${client.lastName}: ${await approve(portal, client, department)}`;
    }
    page = { ...page, after: clients.pageInfo.endCursor };
    ({ hasNextPage } = clients.pageInfo);
  }
}

/** What became of somebody who waits. */
async function approve(
  portal: Portal,
  client: ClientRowFragment,
  department?: string,
  departmentId: string | null = null,
): Promise<string> {
  const variables = { id: client.id, input: { departmentId } };
  const { userErrors } = (await portal.change(ClientApproveDocument, variables)).clientApprove;
  const [problem] = userErrors;
  if (!problem) return "approved.";
  switch (problem.code) {
    case "DEPARTMENT_REQUIRED": {
      const choice = problem.choices?.find(({ name }) => name === department);
      return choice ? approve(portal, client, department, choice.id) : problem.message;
    }
    case "NOT_PENDING":
      return "somebody else has decided meanwhile.";
    default: // also what is new since this was written
      return problem.message;
  }
}

/** What happens to clients from now on. */
export async function* live(portal: Portal): AsyncGenerator<string> {
  const last = await lastChange(portal);
  yield "From here on:";
  for await (const { action, client } of changes(portal, last)) {
    yield `${action}: ${client.firstName} ${client.lastName} is ${client.status}.`;
  }
}
