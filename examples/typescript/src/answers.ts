/** What becomes of an operation: its data, or an error that says what to do about it. */
import type { CombinedError, OperationResult } from "@urql/core";

/** The session is over: somebody has to sign in again. */
export class SignedOut extends Error {
  override readonly name = "SignedOut";
}

/** The operation was not done. `code` is one of docs/errors.md, and may be one that is new. */
export class Failed extends Error {
  override readonly name = "Failed";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

/** There was no answer, or there are no more. */
export class Away extends Error {
  override readonly name = "Away";

  constructor(cause: unknown) {
    super("The portal did not answer.", { cause });
  }
}

/** The data of a result. Throws `Failed`, `Away` and `SignedOut`. */
export function dataOf<Data>({ data, error }: OperationResult<Data>): Data {
  if (error) throw reason(error);
  if (data === undefined) throw new Away("an answer without data");
  return data;
}

function reason({ graphQLErrors, networkError }: CombinedError): Error {
  const first = graphQLErrors[0];
  if (first) return new Failed(String(first.extensions["code"]), first.message);
  return networkError instanceof SignedOut ? networkError : new Away(networkError);
}
