import { Readable } from 'node:stream';
import { machineFacts } from '../../src/kernel/machine.js';
import { assembleKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import { ConntrackOp, IpvsOp, LinkOp, SetCommand, SetEntry } from '../../src/native/records.js';
import type { Channel, RequestShape } from '../../src/netlink/types.js';
import { createRules } from '../../src/rules/rules.js';
import type { FakeKernel } from '../../src/testing.js';

/** What every call answers once the process is dead. */
export class Killed extends Error {
  constructor() {
    super('killed');
  }
}

/** A view of a fake kernel through which only so much can be done before it dies. */
export interface MortalKernel {
  readonly kernel: Kernel;
  /** It has died. */
  readonly dead: boolean;
  /** From now on it has this many lives. */
  dieAfter(lives: number): void;
}

/**
 * The fake kernel as a process sees it that is killed after `lives` things: each record of a run (a request of its own on the wire) is
 * one, as is each start of a program and each setting. What is in front of the deadly one takes effect, also within a run; after it
 * nothing does, whatever is called. The fake itself lives on.
 */
export function mortalKernel(fake: FakeKernel, lives: number): MortalKernel {
  let left = lives;
  let dead = false;
  const live = (): void => {
    if (left === 0) dead = true;
    if (dead) throw new Killed();
    left--;
  };
  const sizes: Partial<Record<RequestShape, number>> = {
    IpvsOp: IpvsOp.size,
    SetCommand: SetCommand.size,
    SetEntry: SetEntry.size,
    LinkOp: LinkOp.size,
    ConntrackOp: ConntrackOp.size,
  };
  const mortal = (channel: Channel): Channel => ({
    subsystem: channel.subsystem,
    counters: () => channel.counters(),
    close: () => Promise.resolve(),
    dump: async (request, options) => {
      if (dead) throw new Killed();
      return channel.dump(request, options);
    },
    run: async (request, options) => {
      const size = sizes[request.shape];
      if (size === undefined) throw new Error(`what is the size of ${request.shape}?`);
      const count = request.records.length / size;
      let done = 0;
      try {
        for (; done < count; done++) live();
      } catch (err) {
        if (done > 0)
          await channel.run({ ...request, records: request.records.subarray(0, done * size) }, options);
        throw err;
      }
      return channel.run(request, options);
    },
  });
  const kernel = assembleKernel({
    netns: 'mortal',
    open: (subsystem) => {
      const parts: Readonly<Record<string, unknown>> = { ...fake.fake };
      return Promise.resolve(mortal(parts[subsystem] as Channel));
    },
    connections: () => Readable.from([fake.fake.ipvs.connectionTable]),
    rules: createRules({
      run: async (argv, options) => {
        live();
        return fake.fake.runner.run(argv, options);
      },
    }),
    nft: {
      ...fake.fake.nft,
      apply: async (diff, options) => {
        live();
        return fake.fake.nft.apply(diff, options);
      },
    },
    sysctl: {
      get: (name, options) => fake.sysctl.get(name, options),
      set: async (name, value, options) => {
        live();
        return fake.sysctl.set(name, value, options);
      },
      ipvs: fake.sysctl.ipvs,
    },
    machine: () => machineFacts(),
  });
  return {
    kernel,
    get dead() {
      return dead;
    },
    dieAfter: (lives) => {
      left = lives;
    },
  };
}
