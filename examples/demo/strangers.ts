import type { Kernel } from '../../src/index.js';
import { run } from '../../test/support/netns.js';

/** Things on the node that are none of ours, as an administrator or another program would have them. */
export interface Strangers {
  /** One line each. */
  readonly descriptions: readonly string[];
  /** Whether a virtual server (by URL) or a set (by name) is one of them. */
  owns(name: string): boolean;
  /** Those that are still there, unchanged. */
  remaining(): Promise<readonly string[]>;
}

const SERVER = 'tcp://192.0.2.11:9999';
const SET = 'ADMIN-HOSTS';
const RULE = ['-p', 'tcp', '--dport', '2222', '-m', 'set', '--match-set', SET, 'src', '-j', 'ACCEPT'];

/** Make them, with the same verbs that a user would type. */
export async function makeStrangers(kernel: Kernel): Promise<Strangers> {
  const server = await kernel.ipvs.add(SERVER, { scheduler: 'wlc' });
  await server.add('10.244.2.13:8080');
  const set = await kernel.ipset.create(SET, 'hash:ip');
  await set.add('192.0.2.100');
  await run(kernel.netns, ['iptables', '-w', '-A', 'INPUT', ...RULE]);

  const checks: readonly (readonly [string, () => Promise<boolean>])[] = [
    [
      `virtual server ${SERVER} with one real server`,
      async () => (await kernel.ipvs.get(SERVER))?.realServers.length === 1,
    ],
    [
      `set ${SET} with one entry`,
      async () => (await (await kernel.ipset.get(SET))?.texts())?.join() === '192.0.2.100',
    ],
    [
      'a rule for port 2222 in the INPUT chain',
      async () =>
        (await run(kernel.netns, ['iptables', '-w', '-C', 'INPUT', ...RULE], { check: false })).code === 0,
    ],
  ];
  return {
    owns: (name) => name === SERVER || name === SET,
    descriptions: checks.map(([description]) => description),
    remaining: async () => {
      const found: string[] = [];
      for (const [description, holds] of checks) if (await holds()) found.push(description);
      return found;
    },
  };
}
