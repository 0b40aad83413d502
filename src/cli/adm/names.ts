import { lookup, lookupService } from 'node:dns/promises';
import type { NameSource } from '../../ipvs/text/endpoint.js';
import { type DisplayNames, NUMERIC } from '../../ipvs/text/spelling.js';
import { type PortNames, systemServices } from './services.js';

/** What answers names; tests put their own in. */
export interface NameService {
  services(): Promise<PortNames>;
  /** IPv4 address of a host; undefined when unknown. */
  address(host: string): Promise<string | undefined>;
  /** Name of an address of either family; undefined when it has none. */
  host(address: string): Promise<string | undefined>;
}

const unknown = (): undefined => undefined;

/** The names of this machine: /etc/services, and hosts as getaddrinfo(3) and getnameinfo(3) have them. */
export const systemNames: NameService = {
  services: systemServices,
  address: (host) => lookup(host, { family: 4 }).then(({ address }) => address, unknown),
  host: (address) => lookupService(address, 0).then(({ hostname }) => hostname, unknown),
};

/** Names as a run of the command uses them: everything is looked up once. */
export class Names {
  readonly #service: NameService;
  readonly #addresses = new Map<string, string | undefined>();
  readonly #hosts = new Map<string, string | undefined>();
  #services: Promise<PortNames> | undefined;

  constructor(service: NameService) {
    this.#service = service;
  }

  /**
   * Run something that reads names on a command line and cannot wait. Where it asks for a host that was not looked up yet, the host
   * is looked up and it runs again; it must have no effect besides its result.
   */
  async reading<T>(read: (names: NameSource) => T): Promise<T> {
    const services = await this.#portNames();
    for (;;) {
      const wanted = new Set<string>();
      const names: NameSource = {
        port: (name, protocol) => services.port(name, protocol),
        host: (name) => {
          if (!this.#addresses.has(name)) wanted.add(name);
          return this.#addresses.get(name);
        },
      };
      let outcome: { readonly result: T } | { readonly error: unknown };
      try {
        outcome = { result: read(names) };
      } catch (error) {
        outcome = { error };
      }
      if (wanted.size === 0) {
        if ('error' in outcome) throw outcome.error;
        return outcome.result;
      }
      for (const host of wanted) this.#addresses.set(host, await this.#service.address(host));
    }
  }

  /** Names for what is to be printed; all addresses are looked up at the same time. */
  async display(numeric: boolean, addresses: Iterable<string>): Promise<DisplayNames> {
    if (numeric) return NUMERIC;
    const services = await this.#portNames();
    const unseen = new Set([...addresses].filter((address) => !this.#hosts.has(address)));
    await Promise.all(
      [...unseen].map(async (address) => this.#hosts.set(address, await this.#service.host(address))),
    );
    return {
      host: (address) => this.#hosts.get(address),
      port: (port, protocol) => services.name(port, protocol),
    };
  }

  #portNames(): Promise<PortNames> {
    this.#services ??= this.#service.services();
    return this.#services;
  }
}
