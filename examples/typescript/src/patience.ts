/** How long to wait for an answer, and when to ask again (docs/mobile.md, "Trying again"). */

const SILENCE_MS = 15_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const TRIES = 5;

/** `fetch` for what must not be sent twice: waits 15 seconds for a whole answer. */
export const hurried: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, signal: AbortSignal.timeout(SILENCE_MS) });
  return new Response(await response.arrayBuffer(), response);
};

/** `fetch` for what may be sent again: queries, and mutations with an `idempotency-key`. */
export const patient: typeof fetch = async (input, init) => {
  for (let tried = 1; tried < TRIES; tried += 1) {
    const response = await hurried(input, init).catch(() => undefined);
    if (response && response.status !== 503) return response;
    await pause(tried, Number(response?.headers.get("retry-after")) * 1_000);
  }
  return hurried(input, init);
};

/** Twice as long each time, up to half a minute, and a random bit less: not all come at once. */
export function pause(tried: number, first: number = FIRST_WAIT_MS): Promise<void> {
  const longest = Math.min((first || FIRST_WAIT_MS) * 2 ** (tried - 1), LONGEST_WAIT_MS);
  return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}
