/** Signing in, staying signed in, signing out (docs/mobile.md). */
import { Client, fetchExchange } from "@urql/core";

import { dataOf, SignedOut } from "./answers.js";
import {
  LoginDocument,
  type LoginInput,
  LogoutDocument,
  type ProblemFragment,
  SessionRefreshDocument,
  type TokensFragment,
} from "./generated.js";
import { hurried, patient } from "./patience.js";

/** Somebody's session. An app keeps the refresh token where the system keeps secrets. */
export class Session {
  /** Asks without showing a token, as whoever signs in or refreshes must. */
  readonly #door: Client;
  #tokens: TokensFragment | undefined;

  constructor(url: string) {
    this.#door = new Client({ url, exchanges: [fetchExchange], fetch: hurried });
  }

  /** What says who asks: headers of a request, or the payload of `connection_init`. */
  shown(): Record<string, string> {
    return this.#tokens ? { authorization: `Bearer ${this.#tokens.accessToken}` } : {};
  }

  /** What is wrong, if they are not let in: SECOND_FACTOR_REQUIRED asks for `code` as well. */
  async signIn(input: LoginInput): Promise<readonly ProblemFragment[]> {
    const { login } = dataOf(await this.#door.mutation(LoginDocument, { input }));
    this.#tokens = login.session ?? undefined;
    return login.userErrors;
  }

  /** Ends it, also if its access token has run out. */
  async signOut(): Promise<void> {
    const tokens = this.#tokens;
    this.#tokens = undefined;
    if (!tokens) return;
    const { refreshToken } = tokens;
    const context = { fetch: patient }; // twice over is over
    dataOf(await this.#door.mutation(LogoutDocument, { refreshToken }, context));
  }

  /** Gets new tokens. One at a time: urql's `authExchange` lets all others wait. */
  async refresh(): Promise<void> {
    if (!this.#tokens) throw new SignedOut("Nobody is signed in.");
    const { refreshToken } = this.#tokens;
    // If the answer is lost, the same token may be shown again at once.
    const context = { fetch: patient };
    const result = await this.#door.mutation(SessionRefreshDocument, { refreshToken }, context);
    const { session, userErrors } = dataOf(result).sessionRefresh;
    this.#tokens = session ?? undefined;
    if (!session) throw new SignedOut(userErrors[0]?.message);
  }
}
