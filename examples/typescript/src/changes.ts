/** What happens to clients, told once each, whatever becomes of the connection (docs/live.md). */
import { Away, dataOf, Failed } from "./answers.js";
import {
  type ChangeFragment,
  ClientChangedDocument,
  ClientChangesDocument,
  LastClientChangeDocument,
} from "./generated.js";
import { pause } from "./patience.js";
import type { Portal } from "./portal.js";

const COMES_BACK = new Set(["SERVICE_UNAVAILABLE", "UNAUTHENTICATED"]);

/** Where the list of changes ends now; none where nothing has happened yet. */
export async function lastChange(portal: Portal): Promise<string | null> {
  return (await portal.ask(LastClientChangeDocument, {})).clientChanges.pageInfo.endCursor;
}

/** Every change from there on. Throws `Failed`, when they may not be told, and `SignedOut`. */
export async function* changes(
  portal: Portal,
  after: string | null,
): AsyncGenerator<ChangeFragment, never> {
  let cursor = after;
  for (let tried = 1; ; tried += 1) {
    try {
      const begun = () => (tried = 0);
      for await (const change of changesUntilCutOff(portal, cursor, begun)) {
        yield change;
        cursor = change.id;
      }
    } catch (error) {
      if (!mayComeBack(error)) throw error;
    }
    await pause(tried);
  }
}

/**
 * First what happened while nobody listened, then what happens. Asking for the first is what
 * refreshes the session where a socket was closed because its token had run out.
 */
async function* changesUntilCutOff(
  portal: Portal,
  after: string | null,
  begun: () => void,
): AsyncGenerator<ChangeFragment> {
  let hear = (): void => undefined;
  const heard = new Promise<void>((resolve) => (hear = resolve));
  const live = portal.follow(ClientChangedDocument, {}, hear);
  try {
    const first = live.next(); // what comes from here on waits until it is taken
    await Promise.race([heard.then(begun), first]);
    const missed = new Set<string>();
    for await (const change of changesSince(portal, after)) {
      missed.add(change.id);
      yield change;
    }
    for (let next = await first; !next.done; next = await live.next()) {
      const { clientChanged } = dataOf(next.value);
      if (!missed.has(clientChanged.id)) yield clientChanged;
    }
  } finally {
    await live.return?.();
  }
}

async function* changesSince(
  portal: Portal,
  cursor: string | null,
): AsyncGenerator<ChangeFragment> {
  let after = cursor;
  let hasNextPage = true;
  while (hasNextPage) {
    const { clientChanges } = await portal.ask(ClientChangesDocument, { after });
    yield* clientChanges.nodes;
    ({ hasNextPage, endCursor: after } = clientChanges.pageInfo);
  }
}

function mayComeBack(error: unknown): boolean {
  if (error instanceof Failed) return COMES_BACK.has(error.code);
  return error instanceof Away;
}
