import { openKernel } from '../../src/kernel/open.js';
import type { Kernel } from '../../src/kernel/types.js';
import type { Agent } from './agent.js';
import { run } from './netns.js';
import { makeTopology, type MemberNetns } from './topology.js';

/**
 * A director, three real servers and a client on one network, as in the classic set-ups of IPVS:
 *
 *     client ── lan ── director (virtual addresses, ip_vs)
 *                 ├── rs-1
 *                 ├── rs-2
 *                 └── rs-3
 *
 * Real servers have the virtual addresses on `lo` and open tunnel interfaces, so that every way of forwarding ends there. What they send
 * to the client goes back through the director, as masquerading needs; what they send from a virtual address goes straight to the client. All serve HTTP on 80 and 8080, UDP on 53 and 54,
 * and on 55 of the virtual address.
 */
export interface DirectorLab extends AsyncDisposable {
  /** The director's kernel. */
  readonly kernel: Kernel;
  readonly director: MemberNetns;
  readonly client: Agent;
  netns(name: string): MemberNetns;
  remove(): Promise<void>;
}

/** Virtual addresses. */
export const VIP = '198.51.100.1';
export const VIP6 = '2001:db8:99::1';
/** Addresses that the client can send from. */
export const CLIENTS: readonly string[] = Array.from({ length: 10 }, (_, i) => `192.0.2.${String(100 + i)}`);
export const CLIENT6 = '2001:db8:10::100';
/** Destination port of GUE on the real servers. */
export const GUE_PORT = 6080;

const DIRECTOR = { v4: '192.0.2.1', v6: '2001:db8:10::1' };
export const REAL_SERVERS = ['rs-1', 'rs-2', 'rs-3'] as const;

/** Addresses of a real server. */
export const addressOf = (
  name: (typeof REAL_SERVERS)[number],
): { readonly v4: string; readonly v6: string } => {
  const number = REAL_SERVERS.indexOf(name) + 11;
  return { v4: `192.0.2.${String(number)}`, v6: `2001:db8:10::${String(number)}` };
};

/** Interfaces that the modules of tunnels make in every namespace. */
const TUNNELS = ['tunl0', 'gre0', 'ip6tnl0'];

const batch = (lines: readonly string[]): { readonly stdin: string } => ({
  stdin: lines.map((line) => `${line}\n`).join(''),
});

async function setUpRealServer(netns: string): Promise<void> {
  const common = [
    `addr add ${VIP}/32 dev lo`,
    `addr add ${VIP6}/128 dev lo nodad`,
    ...TUNNELS.map((device) => `link set ${device} up`),
    `fou add port ${String(GUE_PORT)} gue`,
  ];
  const routes = [
    ...CLIENTS.map((client) => `route add ${client}/32 via ${DIRECTOR.v4}`),
    `rule add from ${VIP} lookup 100`,
    'route add 192.0.2.0/24 dev eth0 table 100',
  ];
  const routes6 = [
    `route add ${CLIENT6}/128 via ${DIRECTOR.v6}`,
    `rule add from ${VIP6} lookup 100`,
    'route add 2001:db8:10::/64 dev eth0 table 100',
  ];
  await run(netns, ['ip', '-batch', '-'], batch([...common, ...routes]));
  await run(netns, ['ip', '-6', '-batch', '-'], batch(routes6));
  await run(netns, [
    'sysctl',
    '-q',
    '-w',
    ...['all', 'tunl0', 'gre0'].map((device) => `net.ipv4.conf.${device}.rp_filter=0`),
    // The director tells them that the client is nearer than they think; IPv6 has no switch for telling.
    ...['all', 'eth0'].map((device) => `net.ipv6.conf.${device}.accept_redirects=0`),
  ]);
}

/** What the kernel does not load by itself for what the lab and its tests need: tunnels, their interfaces in new namespaces, SCTP. */
async function loadModules(): Promise<void> {
  await run(undefined, ['modprobe', '-a', 'ipip', 'ip_gre', 'fou', 'ip6_tunnel', 'sctp']);
}

/** Build it. */
export async function makeDirectorLab(): Promise<DirectorLab> {
  await loadModules();
  const topology = await makeTopology({
    nodes: [{ name: 'director', addresses: [`${DIRECTOR.v4}/24`, `${DIRECTOR.v6}/64`], podCidrs: [] }],
    pods: [],
    clients: [
      {
        name: 'client',
        addresses: [...CLIENTS.map((address) => `${address}/24`), `${CLIENT6}/64`],
      },
      ...REAL_SERVERS.map((name) => {
        const { v4, v6 } = addressOf(name);
        return { name, addresses: [`${v4}/24`, `${v6}/64`] };
      }),
    ],
    throughFirstNode: [`${VIP}/32`, `${VIP6}/128`],
  });
  let kernel: Kernel | undefined;
  const remove = async (): Promise<void> => {
    await kernel?.close();
    await topology.remove();
  };
  try {
    const director = topology.netns('director');
    // Client and real servers share the network, which the director would tell them.
    await run(director.path, [
      'sysctl',
      '-q',
      '-w',
      'net.ipv4.conf.all.send_redirects=0',
      'net.ipv4.conf.eth0.send_redirects=0',
    ]);
    await Promise.all(
      REAL_SERVERS.map(async (name) => {
        const { netns, agent } = topology.host(name);
        await setUpRealServer(netns.path);
        for (const port of [80, 8080]) await agent.serveHttp(port);
        for (const port of [53, 54]) await agent.serveUdp(port);
        await agent.serveUdp(55, VIP);
      }),
    );
    kernel = await openKernel({ netns: director.path });
    await kernel.link.addAddresses('lo', [VIP, VIP6]);
    return {
      kernel,
      director,
      client: topology.host('client').agent,
      netns: (name) => topology.netns(name),
      remove,
      [Symbol.asyncDispose]: remove,
    };
  } catch (err) {
    await remove().catch(() => undefined);
    throw err;
  }
}
