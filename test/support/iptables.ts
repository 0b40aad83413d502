import { spawnSync } from 'node:child_process';
import { KUBE_SETS, kubeSetName, type KubeSetName } from '../../src/rules/kube/names.js';
import type { Family } from '../../src/net/address.js';
import type { IptablesBackend } from '../../src/rules/types.js';
import type { TestNetns } from './netns.js';

/** `ip6tables-legacy` and the like. */
export const tool = (family: Family, backend: IptablesBackend): string =>
  `${family === 'inet' ? 'iptables' : 'ip6tables'}-${backend}`;

/** Why this machine cannot use a back end: each match and target of the rules is tried once, in a namespace of its own. */
export function unusable(backend: IptablesBackend): string | undefined {
  const pieces = [
    '-m comment --comment probe -j ACCEPT',
    '-m mark --mark 0x1/0x1 -j ACCEPT',
    '-m physdev ! --physdev-is-in -j ACCEPT',
    '-m addrtype --dst-type LOCAL -j ACCEPT',
    '-j MARK --set-xmark 0x1/0x1',
  ];
  for (const piece of pieces) {
    const { status, stderr, error } = spawnSync(
      'unshare',
      ['--net', `${tool('inet', backend)}-restore`, '--noflush'],
      { input: `*nat\n:PROBE - [0:0]\n-A PROBE ${piece}\nCOMMIT\n`, encoding: 'utf8' },
    );
    if (status !== 0) return `${backend}: "${piece}" is refused: ${error?.message ?? stderr.trim()}`;
  }
  return undefined;
}

/** iptables-save without remarks and with counters at zero. */
export const plain = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\[\d+:\d+\]/g, '[0:0]');

/** All KUBE sets of both families, empty. */
export async function createSets(netns: TestNetns): Promise<void> {
  const create = (['inet', 'inet6'] as const).flatMap((family) =>
    (Object.keys(KUBE_SETS) as KubeSetName[]).map((name) => {
      const { type } = KUBE_SETS[name];
      return `create ${kubeSetName(name, family)} ${type} ${type === 'bitmap:port' ? 'range 0-65535' : `family ${family}`}`;
    }),
  );
  await netns.run(['ipset', 'restore'], { stdin: `${create.join('\n')}\n` });
}
