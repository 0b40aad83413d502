import { CommandError, isUnsupported } from '../errors.js';
import type { SetHeader, SetSnapshot } from '../ipset/types.js';
import type { IpvsTimeouts, VirtualServer } from '../ipvs/types.js';
import type { Kernel } from '../kernel/types.js';
import type { LinkAddressState, LinkState } from '../link/types.js';
import type { Family } from '../net/address.js';
import type { CallOptions } from '../netlink/types.js';
import type { NftTable } from '../rules/nft/types.js';
import type { RuleSet } from '../rules/types.js';
import { noRules } from '../rules/diff.js';
import type { DesiredState, OwnershipScope } from './types.js';

/** A set that exists. */
export interface ObservedSet {
  readonly header: Pick<SetHeader, 'name' | 'type' | 'family' | 'range' | 'maxElements'>;
  readonly entries: readonly string[];
}

/** What a network namespace holds, as far as a scope looks at it. */
export interface Observed {
  /** All of the scope's families, strangers' included: a plan has to know them to leave them alone. */
  readonly virtualServers: readonly VirtualServer[];
  /** Sets of the scope that exist, the records included, by name. */
  readonly sets: ReadonlyMap<string, ObservedSet>;
  readonly interface: LinkState | undefined;
  /** Host addresses (/32, /128) of the scope's interface. */
  readonly addresses: readonly { readonly family: Family; readonly address: string }[];
  /** Other addresses of the scope's interface, with their prefix lengths, but for the kernel's own link-local ones: a stranger's. */
  readonly foreignAddresses?: readonly string[];
  readonly rules: readonly RuleSet[];
  /** Our nft tables, those that exist; absent when they were not read. */
  readonly nft?: readonly NftTable[];
  /** Values of the sysctls that were asked for. */
  readonly sysctls: ReadonlyMap<string, string | undefined>;
  /** Only when asked for. */
  readonly timeouts?: IpvsTimeouts;
}

/** Where the kernel lacks a whole subsystem, there is nothing of ours in it; but that is no help when something is wanted of it. */
async function read<T>(reading: Promise<readonly T[]>, needed: boolean): Promise<readonly T[]> {
  try {
    return await reading;
  } catch (err) {
    if (!needed && isUnsupported(err)) return [];
    throw err;
  }
}

/**
 * Read what the scope covers: one listing of virtual servers with their real servers, each set of the scope, the
 * interface's addresses, the rules of each family, and the settings that `wanted` names. Changes nothing.
 *
 * A subsystem that the kernel lacks reads as empty, so that cleanup works anywhere, unless `wanted` has something for it.
 * @throws UnsupportedError when the kernel lacks what is wanted, PermissionError, CommandError, and whatever else the readings throw.
 */
export async function observe(
  kernel: Kernel,
  scope: OwnershipScope,
  wanted: Pick<DesiredState, 'families' | 'sysctls' | 'timeouts' | 'rules'> = { families: [], sysctls: [] },
  options: CallOptions = {},
): Promise<Observed> {
  const families = new Set(scope.families.map(({ family }) => family));
  // First, since the first request for the ip_vs family loads the module, and with it come its sysctls.
  const servers = await read(
    kernel.ipvs.list({ ...options, realServers: true }),
    wanted.families.some(({ virtualServers }) => virtualServers.length > 0),
  );
  const nft = wanted.rules === 'nft';
  const needsSets = !nft && wanted.families.some(({ sets }) => sets.length > 0);
  const names = new Set(scope.families.flatMap(({ sets, record }) => [...sets, record]));

  const [sets, link, rules, tables, sysctls, timeouts] = await Promise.all([
    snapshots(kernel, names, needsSets, options),
    kernel.link.get(scope.interface, options),
    Promise.all(
      scope.families.map(({ family, chains }) =>
        orNone(kernel.rules.read(family, chains, options), nft, () => noRules(family)),
      ),
    ),
    Promise.all(
      scope.families
        .filter((family) => family.nft === true)
        .map(({ family }) => orNone(kernel.nft.read(family, options), !nft, () => undefined)),
    ),
    Promise.all(
      wanted.sysctls.map(async ({ name }) => [name, await kernel.sysctl.get(name, options)] as const),
    ),
    hasTimeouts(wanted.timeouts) ? kernel.ipvs.timeouts(options) : undefined,
  ]);
  const addresses = link === undefined ? [] : await kernel.link.addresses(scope.interface, options);

  return {
    virtualServers: servers.filter(({ family }) => families.has(family)),
    sets: new Map(sets.filter(({ header }) => names.has(header.name)).map((s) => [s.header.name, s])),
    interface: link,
    addresses: addresses.filter(isHostAddress),
    foreignAddresses: addresses
      .filter((a) => !isHostAddress(a) && !(a.family === 'inet6' && a.scope === 'link'))
      .map(({ address, prefix }) => `${address}/${prefix}`),
    rules,
    nft: tables.filter((table) => table !== undefined),
    sysctls: new Map(sysctls),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
}

/** What programs say where the kernel knows nothing of nf_tables, or of x_tables, and what an nft says that was built without JSON. */
const NO_SUBSYSTEM =
  /not supported|JSON support not compiled|(cache initialization failed|generation id): Invalid argument|[Tt]able does not exist/;

/** Without its program or its part of the kernel, the back end that is not wanted holds nothing of ours. */
async function orNone<T>(reading: Promise<T>, optional: boolean, none: () => T): Promise<T> {
  try {
    return await reading;
  } catch (err) {
    const absent =
      err instanceof CommandError && (err.code === 'ERR_COMMAND_MISSING' || NO_SUBSYSTEM.test(err.stderr));
    if (optional && absent) return none();
    throw err;
  }
}

const HOST_PREFIX: Readonly<Record<Family, number>> = { inet: 32, inet6: 128 };
const isHostAddress = ({ family, prefix }: LinkAddressState): boolean => prefix === HOST_PREFIX[family];

/** Whether any timeout is to be set at all; 0 means "as it is". */
export function hasTimeouts(timeouts: Partial<IpvsTimeouts> | undefined): boolean {
  return timeouts !== undefined && Object.values(timeouts).some((seconds) => seconds > 0);
}

/** Sets by name. Others, which may be huge, are not read as long as their names begin differently (up to the first dash). */
async function snapshots(
  kernel: Kernel,
  names: ReadonlySet<string>,
  needed: boolean,
  options: CallOptions,
): Promise<readonly SetSnapshot[]> {
  const prefixes = new Set([...names].map((name) => name.slice(0, name.indexOf('-') + 1)));
  const all = await Promise.all(
    [...prefixes].map((prefix) => read(kernel.ipset.snapshot({ ...options, prefix }), needed)),
  );
  return all.flat();
}
