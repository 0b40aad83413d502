import { joinHostPort } from '../net/address.js';
import type { VirtualServerUrl } from '../ipvs/types.js';
import type { DepartingServer } from '../plan/types.js';

const keyOf = ({ virtualServer, address, port }: DepartingServer): string =>
  `${virtualServer} ${joinHostPort(address, port)}`;

/**
 * Which real servers are left to their connections, and since when. Only TCP ones: who talks UDP or SCTP to a pod that is gone gets no answer
 * and does not notice. The kernel knows that a real server drains (its weight is 0) but not since when, so that the deadline counts from when
 * this process first saw it.
 */
export class DrainPolicy {
  readonly #deadline: number;
  readonly #since = new Map<string, { readonly from: number; readonly server: DepartingServer }>();

  /** @param deadline Milliseconds after which connections are given up; 0: never wait, Infinity: as long as it takes. */
  constructor(deadline: number) {
    this.#deadline = deadline;
  }

  /**
   * For `plan`: whether a real server stays. One that had no connections when it was read may have one by now, which would be lost with it;
   * once at weight 0 it gets no others.
   */
  readonly stays = (server: DepartingServer): boolean => {
    if (server.protocol !== 'tcp' || (server.connections === 0 && server.weight === 0)) return false;
    const from = this.#since.get(keyOf(server))?.from ?? Date.now();
    return Date.now() - from < this.#deadline;
  };

  /** Learn what a plan leaves. @param urls Virtual servers that the plan was about; all when absent. */
  note(draining: readonly DepartingServer[], urls?: ReadonlySet<VirtualServerUrl>): void {
    const left = new Set(draining.map(keyOf));
    for (const [key, { server }] of this.#since) {
      if (!left.has(key) && (urls === undefined || urls.has(server.virtualServer))) this.#since.delete(key);
    }
    for (const server of draining) {
      const key = keyOf(server);
      this.#since.set(key, { from: this.#since.get(key)?.from ?? Date.now(), server });
    }
  }

  /** Those that drain, as they were last seen. */
  get servers(): readonly DepartingServer[] {
    return [...this.#since.values()].map(({ server }) => server);
  }

  /** Virtual servers with real servers that were put to weight 0 and had no connections: another look is likely to be the last. */
  get idle(): ReadonlySet<VirtualServerUrl> {
    const idle = this.servers.filter(({ connections }) => connections === 0);
    return new Set(idle.map(({ virtualServer }) => virtualServer));
  }

  /** When the next deadline passes, as a time in milliseconds; undefined when nothing drains. */
  get nextDeadline(): number | undefined {
    if (this.#since.size === 0) return undefined;
    return Math.min(...[...this.#since.values()].map(({ from }) => from)) + this.#deadline;
  }
}
