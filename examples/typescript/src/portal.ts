/** The way to the portal: what is asked, changed and followed, as whoever is signed in. */
import { randomUUID } from "node:crypto";

import {
  type AnyVariables,
  Client,
  fetchExchange,
  type OperationResult,
  type TypedDocumentNode,
} from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { filter, onEnd, pipe, toAsyncIterable } from "wonka";

import { dataOf } from "./answers.js";
import { patient } from "./patience.js";
import { Session } from "./session.js";
import { Socket } from "./socket.js";

/** How what happens is told: over a WebSocket, or as server-sent events. */
export type Wire = "socket" | "events";

/** Everything an app needs. `client` is urql's own, for the bindings of a framework. */
export class Portal {
  readonly session: Session;
  readonly client: Client;
  readonly #socket: Socket | undefined;

  constructor(address: string, wire: Wire = "socket") {
    const url = new URL("/graphql", address).href;
    this.session = new Session(url);
    this.#socket = wire === "socket" ? new Socket(url, this.session) : undefined;
    this.client = new Client({
      url,
      preferGetMethod: false,
      fetchSubscriptions: wire === "events",
      exchanges: [...(this.#socket?.exchanges ?? []), this.#auth(), fetchExchange],
    });
  }

  /** The answer to a query. Throws `Failed`, `Away` and `SignedOut`, as the other two do. */
  async ask<Data, Variables extends AnyVariables>(
    query: TypedDocumentNode<Data, Variables>,
    variables: NoInfer<Variables>,
  ): Promise<Data> {
    return dataOf(await this.client.query(query, variables, { fetch: patient }));
  }

  /** What came of a mutation that takes a key: done once under it, however often it is sent. */
  async change<Data, Variables extends AnyVariables>(
    mutation: TypedDocumentNode<Data, Variables>,
    variables: NoInfer<Variables>,
    key: string = randomUUID(),
  ): Promise<Data> {
    const fetchOptions = { headers: { "idempotency-key": key } };
    const context = { fetch: patient, fetchOptions };
    return dataOf(await this.client.mutation(mutation, variables, context));
  }

  /** What a subscription tells, until it is cut off; calls `begun` when the server listens. */
  follow<Data, Variables extends AnyVariables>(
    subscription: TypedDocumentNode<Data, Variables>,
    variables: NoInfer<Variables>,
    begun: () => void,
  ): AsyncIterator<OperationResult<Data>> {
    const fetchEvents: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (response.ok) begun();
      return response;
    };
    const results = pipe(
      this.client.subscription(subscription, variables, { fetch: fetchEvents }),
      filter(({ error, hasNext }) => hasNext || error !== undefined), // its end is no news
    );
    const forget = this.#socket?.whenConnected(begun) ?? (() => undefined);
    return toAsyncIterable(pipe(results, onEnd(forget)));
  }

  /** Shows the access token, and after UNAUTHENTICATED asks once again with a new one. */
  #auth() {
    return authExchange(async ({ appendHeaders }) => ({
      addAuthToOperation: (operation) => appendHeaders(operation, this.session.shown()),
      didAuthError: ({ graphQLErrors }) =>
        graphQLErrors.some(({ extensions }) => extensions["code"] === "UNAUTHENTICATED"),
      refreshAuth: () => this.session.refresh(),
    }));
  }
}
