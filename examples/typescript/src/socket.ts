/** Subscriptions over one WebSocket, by graphql-transport-ws (docs/live.md). */
import { type Exchange, subscriptionExchange } from "@urql/core";
import { type Client, createClient } from "graphql-ws";
import { WebSocket } from "ws";

import type { Session } from "./session.js";

const PING_MS = 10_000;
const PONG_MS = 5_000;

/** Open while something is followed. Whoever follows begins anew when it is cut off. */
export class Socket {
  readonly exchanges: readonly Exchange[];
  readonly #client: Client;

  constructor(url: string, session: Session) {
    let silence: NodeJS.Timeout | undefined;
    this.#client = createClient({
      url: url.replace(/^http/, "ws"),
      webSocketImpl: WebSocket,
      connectionParams: () => session.shown(),
      retryAttempts: 0,
      keepAlive: PING_MS,
      on: {
        ping: (isTheirs) => {
          if (!isTheirs) silence = setTimeout(() => this.#client.terminate(), PONG_MS);
        },
        pong: (isTheirs) => {
          if (isTheirs) clearTimeout(silence);
        },
        closed: () => clearTimeout(silence),
      },
    });
    const forwarded = subscriptionExchange({
      forwardSubscription: ({ query = "", variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: this.#client.subscribe({ query, variables: { ...variables } }, sink),
        }),
      }),
    });
    this.exchanges = [forwarded];
  }

  /** Calls it each time that the server lets somebody in; returns what ends that. */
  whenConnected(call: () => void): () => void {
    return this.#client.on("connected", call);
  }
}
