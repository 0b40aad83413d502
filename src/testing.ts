/**
 * A kernel for unit tests: the same interfaces, validation, packing and errors as the real one, answered from memory. Needs no Linux,
 * no addon and no privilege.
 */
import { Readable } from 'node:stream';
import { fakeConntrackChannel, type FakeConntrackChannel } from './conntrack/fake.js';
import { fakeIpsetChannel, type FakeIpsetChannel } from './ipset/fake.js';
import { fakeIpvsChannel, type FakeIpvsChannel } from './ipvs/fake.js';
import { assembleKernel } from './kernel/open.js';
import type { MachineFacts } from './kernel/machine.js';
import type { Kernel } from './kernel/types.js';
import { fakeRouteChannel, type FakeRouteChannel } from './link/fake.js';
import { fakeRunner, type FakeRunner } from './rules/fake.js';
import { fakeNft, type FakeNft } from './rules/nft/fake.js';
import { createRules } from './rules/rules.js';
import { createFakeSysctl, type FakeSysctl } from './sysctl/fake.js';

/** The fakes behind a fake kernel, for what only a test can want: looking inside, injecting faults, pretending traffic. */
export interface FakeParts {
  readonly ipvs: FakeIpvsChannel;
  readonly ipset: FakeIpsetChannel;
  readonly route: FakeRouteChannel;
  readonly conntrack: FakeConntrackChannel;
  readonly runner: FakeRunner;
  readonly nft: FakeNft;
  readonly sysctl: FakeSysctl;
}

/** A kernel in memory. */
export interface FakeKernel extends Kernel {
  readonly fake: FakeParts;
  /**
   * The whole state as text: the save forms of ipvsadm, ipset and iptables, our nft tables, and the addresses of links. For snapshots and for the
   * messages of failing tests.
   */
  dump(): string;
}

export type {
  FakeConntrackChannel,
  FakeIpsetChannel,
  FakeIpvsChannel,
  FakeRouteChannel,
  FakeRunner,
  FakeSysctl,
};

export { type FakeNft, fakeNft };

/** A fresh, empty kernel in memory. */
export function fakeKernel(): FakeKernel {
  // iptables refuses rules about sets that do not exist, and ip_set to destroy sets that rules are about.
  const ipset = fakeIpsetChannel({ usedByRules: (name) => fake.runner.usesSet(name) });
  const fake: FakeParts = {
    ipvs: fakeIpvsChannel(),
    ipset,
    route: fakeRouteChannel(),
    conntrack: fakeConntrackChannel(),
    runner: fakeRunner({ hasSet: (name) => ipset.has(name) }),
    nft: fakeNft(),
    sysctl: createFakeSysctl(),
  };
  const kernel = assembleKernel({
    netns: 'fake',
    open: (subsystem) => Promise.resolve(fake[subsystem]),
    connections: () => Readable.from([fake.ipvs.connectionTable]),
    rules: createRules(fake.runner),
    nft: fake.nft,
    sysctl: fake.sysctl,
    machine: () => Promise.resolve(fakeMachine(fake.ipvs)),
  });
  const dump = (): string =>
    [fake.ipvs.save(), ipset.dump(), fake.route.dump(), fake.runner.dump(), fake.nft.dump()]
      .filter((part) => part !== '')
      .join('\n');
  return Object.assign(kernel, { fake, dump });
}

/** The machine that the fakes make up: what the fake kernel can do is loaded, and there are no programs. */
function fakeMachine({ machine }: FakeIpvsChannel): MachineFacts {
  const has = (name: string): boolean =>
    name.startsWith('ip_vs_pe_')
      ? machine.engines.has(name.slice('ip_vs_pe_'.length))
      : machine.schedulers.has(name.slice('ip_vs_'.length));
  return {
    release: '6.12.0-fake',
    module: (name) => (has(name) ? 'loaded' : 'absent'),
    netAdmin: machine.capable,
    initialUserNamespace: true,
    tools: {
      conntrack: undefined,
      ip: undefined,
      'ip6tables-restore': undefined,
      ipset: undefined,
      'iptables-restore': undefined,
      'iptables-save': undefined,
      ipvsadm: undefined,
      modprobe: undefined,
      nft: undefined,
    },
  };
}
