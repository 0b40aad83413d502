import { lookup, lookupService } from 'node:dns/promises';
import type { ToolNames } from '../../ipset/tool/names.js';
import type { Family } from '../../net/address.js';
import { type PortNames, systemServices } from '../adm/services.js';

/** What answers names of hosts and services; tests put their own in. */
export interface IpsetNameService {
  services(): Promise<PortNames>;
  /** First address of a host in a family; undefined when it has none. */
  address(host: string, family: Family): Promise<string | undefined>;
  /** Name of an address; undefined when it has none. */
  host(address: string): Promise<string | undefined>;
}

const unknown = (): undefined => undefined;

/** The names of this machine: /etc/services, and hosts as getaddrinfo(3) and getnameinfo(3) have them. */
export const systemIpsetNames: IpsetNameService = {
  services: systemServices,
  address: (host, family) =>
    lookup(host, { family: family === 'inet' ? 4 : 6 }).then(({ address }) => address, unknown),
  host: (address) => lookupService(address, 0).then(({ hostname }) => hostname, unknown),
};

/** Names as one run uses them: everything is looked up once. */
export class IpsetNames {
  readonly #service: IpsetNameService;
  readonly #addresses = new Map<string, string | undefined>();
  readonly #hosts = new Map<string, string | undefined>();
  #services: PortNames | undefined;

  constructor(service: IpsetNameService) {
    this.#service = service;
  }

  /**
   * Run something that reads names on a command line and cannot wait. Where it asks for a name that was not looked up yet, the name
   * is looked up and it runs again; it must have no effect besides its result.
   */
  async reading<T>(read: (names: ToolNames) => T): Promise<T> {
    for (;;) {
      const wanted = new Map<string, { readonly host: string; readonly family: Family }>();
      const lacking = { services: false };
      const names: ToolNames = {
        host: (host, family) => {
          const key = `${family} ${host}`;
          if (!this.#addresses.has(key)) wanted.set(key, { host, family });
          return this.#addresses.get(key);
        },
        port: (name, protocol) => {
          if (this.#services === undefined) lacking.services = true;
          return this.#services?.port(name, protocol);
        },
      };
      let outcome: { readonly result: T } | { readonly error: unknown };
      try {
        outcome = { result: read(names) };
      } catch (error) {
        outcome = { error };
      }
      if (wanted.size === 0 && !lacking.services) {
        if ('error' in outcome) throw outcome.error;
        return outcome.result;
      }
      if (lacking.services) this.#services = await this.#service.services();
      for (const [key, { host, family }] of wanted) {
        this.#addresses.set(key, await this.#service.address(host, family));
      }
    }
  }

  /** Names of addresses, all looked up at the same time. @returns what an address is called */
  async hosts(addresses: Iterable<string>): Promise<(address: string) => string> {
    const unseen = new Set([...addresses].filter((address) => !this.#hosts.has(address)));
    await Promise.all(
      [...unseen].map(async (address) => this.#hosts.set(address, await this.#service.host(address))),
    );
    return (address) => this.#hosts.get(address) ?? address;
  }
}
