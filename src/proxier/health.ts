import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';

/** What a load balancer may ask of one Service. */
export interface ServiceHealth {
  readonly port: number;
  /** Endpoints of the Service on this node that are ready. */
  readonly localEndpoints: number;
}

interface Listening {
  readonly port: number;
  readonly servers: readonly Server[];
}

/**
 * Health checks of load balancers with externalTrafficPolicy Local: an HTTP server per Service at its `healthCheckNodePort`, which says whether
 * this node has endpoints of it. 200 with some, as long as the proxier itself is well; 503 otherwise. Whatever the path.
 */
export class HealthServers {
  readonly #healthy: () => boolean;
  readonly #wanted = new Map<string, ServiceHealth>();
  readonly #listening = new Map<string, Listening>();
  readonly #failed = new Set<string>();
  #addresses: readonly string[] | undefined;

  /** @param healthy Whether services are programmed at all. */
  constructor(healthy: () => boolean) {
    this.#healthy = healthy;
  }

  /** What to answer for the Service `namespace/name`; undefined: nothing, and no port. Takes effect with {@link update}. */
  set(name: string, health: ServiceHealth | undefined): void {
    if (health === undefined) this.#wanted.delete(name);
    else this.#wanted.set(name, health);
  }

  /**
   * Open and close ports so that they are those that are wanted. A port that cannot be opened is tried again by the next update.
   * @param addresses Where to listen; everywhere when absent.
   * @param failed Told once about each port that cannot be opened.
   */
  async update(
    addresses: readonly string[] | undefined,
    failed: (name: string, port: number, cause: Error) => void,
  ): Promise<void> {
    const moved = String(addresses) !== String(this.#addresses);
    this.#addresses = addresses;
    for (const [name, { port, servers }] of this.#listening) {
      if (!moved && this.#wanted.get(name)?.port === port) continue;
      this.#listening.delete(name);
      await Promise.all(servers.map(close));
    }
    for (const [name, { port }] of this.#wanted) {
      if (this.#listening.has(name)) continue;
      try {
        this.#listening.set(name, { port, servers: await this.#listen(name, port) });
        this.#failed.delete(name);
      } catch (err) {
        if (!this.#failed.has(name)) failed(name, port, err instanceof Error ? err : new Error(String(err)));
        this.#failed.add(name);
      }
    }
    for (const name of this.#failed) if (!this.#wanted.has(name)) this.#failed.delete(name);
  }

  /** Close all ports. */
  async close(): Promise<void> {
    const open = [...this.#listening.values()].flatMap(({ servers }) => servers);
    this.#listening.clear();
    await Promise.all(open.map(close));
  }

  async #listen(name: string, port: number): Promise<Server[]> {
    const servers: Server[] = [];
    try {
      for (const host of this.#addresses ?? [undefined]) {
        const server = createServer((_, response) => this.#answer(name, response));
        server.listen({ port, ...(host === undefined ? {} : { host }) });
        servers.push(server);
        await once(server, 'listening');
      }
      return servers;
    } catch (err) {
      await Promise.all(servers.map(close));
      throw err;
    }
  }

  #answer(name: string, response: ServerResponse): void {
    const localEndpoints = this.#wanted.get(name)?.localEndpoints ?? 0;
    const serviceProxyHealthy = this.#healthy();
    const slash = name.indexOf('/');
    const service = { namespace: name.slice(0, slash), name: name.slice(slash + 1) };
    response.writeHead(localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    });
    response.end(JSON.stringify({ service, localEndpoints, serviceProxyHealthy }));
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
