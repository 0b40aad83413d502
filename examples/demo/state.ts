import type { Kernel } from '../../src/index.js';
import { dim, say, step, table } from './output.js';

/** What each set is for. */
const PURPOSE: Readonly<Record<string, string>> = {
  'KUBE-LOOP-BACK': 'pods of this node, twice: a pod that reached itself is masqueraded',
  'KUBE-CLUSTER-IP': 'cluster IPs: masquerade what does not come from a pod',
  'KUBE-EXTERNAL-IP': 'external IPs: masquerade',
  'KUBE-LOAD-BALANCER': 'load-balancer addresses',
  'KUBE-LOAD-BALANCER-FW': 'those of them that have source ranges',
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': 'who may use them',
  'KUBE-NODE-PORT-TCP': 'node ports: masquerade …',
  'KUBE-NODE-PORT-LOCAL-TCP': '… except these (policy Local)',
};

/** Print virtual servers with their real servers and what they have balanced so far, as the kernel counts it. */
export async function printVirtualServers(kernel: Kernel): Promise<void> {
  step('Virtual servers, as the kernel has them (kernel.ipvs.list())');
  say(dim('The kernel brings the counters up to date every two seconds.'));
  const rows = [
    ['virtual server', 'scheduler', 'real server', 'weight', 'forwarding', 'connections', 'packets in/out'],
  ];
  for (const server of await kernel.ipvs.list()) {
    const scheduler =
      server.persistence === false
        ? server.scheduler
        : `${server.scheduler}, sticks ${server.persistence.timeout} s`;
    const first = [server.url, scheduler];
    if (server.realServers.length === 0) rows.push([...first, '(none)']);
    for (const [i, real] of server.realServers.entries()) {
      const { connections, packetsIn, packetsOut } = real.stats;
      const host = real.family === 'inet6' ? `[${real.address}]` : real.address;
      rows.push([
        ...(i === 0 ? first : ['', '']),
        `${host}:${real.port}`,
        String(real.weight),
        real.forwarding,
        String(connections),
        `${packetsIn}/${packetsOut}`,
      ]);
    }
  }
  table(rows);
}

/** Print the sets that have members, each with its purpose. */
export async function printSets(kernel: Kernel): Promise<void> {
  step('Sets with members (kernel.ipset.snapshot())');
  for (const { header, entries } of await kernel.ipset.snapshot({ prefix: 'KUBE-' })) {
    if (entries.length === 0) continue;
    const purpose = PURPOSE[header.name.replace('KUBE-6-', 'KUBE-')];
    say(`${header.name}  ${dim(header.type)}${purpose === undefined ? '' : dim(`  ${purpose}`)}`);
    for (const entry of [...entries].sort()) say(`    ${entry}`);
  }
}

/** Print the rules of the KUBE chains and the jumps into them, as iptables-save shows them. */
export async function printChains(kernel: Kernel): Promise<void> {
  step('KUBE chains for IPv4 (iptables-save)');
  let table_ = '';
  for (const line of (await kernel.rules.save('inet')).split('\n')) {
    if (line.startsWith('*')) table_ = line.slice(1);
    if (line.startsWith('-A') && line.includes('KUBE-')) say(`${dim(table_.padEnd(6))} ${line}`);
  }
}
