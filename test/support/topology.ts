import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type Agent, startAgent } from './agent.js';
import { run } from './netns.js';

/**
 * A small cluster out of network namespaces:
 *
 *     client ─┐
 *     client ─┤  lan (a bridge)  ├─ node ── veth ── pod
 *                                │       └─ veth ── pod
 *                                └─ node ── veth ── pod
 *
 * Nodes and clients share one network. A pod hangs on its node by a veth pair of its own with host routes, as with the `ptp`
 * plugin of the Container Network Interface: every packet between pods is routed by the node, so that replies meet the same
 * connection tracking as requests (on a bridge they would go around it).
 */
export interface TopologySpec {
  readonly nodes: readonly NodeSpec[];
  readonly pods: readonly PodSpec[];
  readonly clients: readonly ClientSpec[];
  /** Networks and addresses that clients reach through the first node: external and load-balancer addresses, cluster IPs. */
  readonly throughFirstNode?: readonly string[];
}

/** A node: routes for its pods. */
export interface NodeSpec {
  readonly name: string;
  /** On the shared network, at most one per family, with prefix length. */
  readonly addresses: readonly string[];
  /** Pod networks of this node, one per family; the first address of each is the pods' gateway. */
  readonly podCidrs: readonly string[];
  /** Start an agent on the node itself. */
  readonly agent?: boolean;
}

/** A pod. */
export interface PodSpec {
  readonly name: string;
  readonly node: string;
  /** Without prefix length, inside the node's pod networks. */
  readonly addresses: readonly string[];
  /** Ports to serve HTTP on. */
  readonly http?: readonly number[];
  /** Ports to answer UDP on. */
  readonly udp?: readonly number[];
}

/** A machine outside the cluster, on the nodes' network. */
export interface ClientSpec {
  readonly name: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/** A network namespace of a member. */
export interface MemberNetns {
  /** As `ip netns list` shows it; unique, so that concurrent runs never meet. */
  readonly name: string;
  /** As `openKernel` takes it. */
  readonly path: string;
}

/** One member: its namespace, and the process that serves and asks there. */
export interface Host {
  readonly name: string;
  readonly netns: MemberNetns;
  readonly agent: Agent;
}

/** The running topology. */
export interface Topology extends AsyncDisposable {
  /** A node with an agent, a pod or a client. */
  host(name: string): Host;
  /** The network namespace of a member. */
  netns(name: string): MemberNetns;
  /** Ends the processes that were started and removes the namespaces. Removing twice is fine. */
  remove(): Promise<void>;
}

const isV6 = (address: string): boolean => address.includes(':');
const bare = (address: string): string => address.replace(/\/\d+$/, '');
/** `ip addr add` arguments: IPv6 addresses are usable at once. */
const assign = (address: string, device: string): string =>
  `addr add ${address} dev ${device}${isV6(address) ? ' nodad' : ''}`;
const single = (address: string): string => `${bare(address)}/${isV6(address) ? 128 : 32}`;

/** The first address of a pod network: `10.244.1.0/24` → `10.244.1.1`, `fd00:1::/64` → `fd00:1::1`. */
export function gatewayOf(cidr: string): string {
  const network = bare(cidr);
  return isV6(network) ? `${network}1` : network.replace(/\d+$/, '1');
}

/** Forwarding as on a node, and no reverse-path filter that the host may have as its default. */
const NODE_SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
];
const NODE_SYSCTLS_V6 = ['net.ipv6.conf.all.forwarding=1'];

/** Several commands in one process, since starting one takes long in an emulated machine. */
const batch = (commands: readonly string[]): string => `${commands.join('\n')}\n`;

/** Make the namespaces, connect them, start the agents and the servers. What was made is removed when a step fails. */
export async function makeTopology(spec: TopologySpec): Promise<Topology> {
  const members = new Map<string, MemberNetns>();
  const agents = new Map<string, Agent>();
  const id = randomBytes(4).toString('hex');
  for (const name of [
    'lan',
    ...[...spec.nodes, ...spec.pods, ...spec.clients].map((member) => member.name),
  ]) {
    const unique = `ipvs-${name}-${id}`;
    members.set(name, { name: unique, path: `/run/netns/${unique}` });
  }
  const each = (command: string): string =>
    batch([...members.values()].map(({ name }) => `netns ${command} ${name}`));
  let made = false;

  // Last resort when the process ends without having awaited remove(): synchronous, since nothing else runs by then.
  const atExit = (): void => {
    spawnSync('ip', ['-force', '-batch', '-'], {
      input: each('delete'),
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  };
  process.once('exit', atExit);

  const remove = async (): Promise<void> => {
    const running = [...agents.values()];
    agents.clear();
    await Promise.all(running.map((agent) => agent.stop()));
    if (made) {
      made = false;
      await run(undefined, ['ip', '-force', '-batch', '-'], { stdin: each('delete') });
    }
    process.off('exit', atExit);
  };
  const member = (name: string): MemberNetns => {
    const netns = members.get(name);
    if (netns === undefined) throw new Error(`the topology has no ${name}`);
    return netns;
  };

  try {
    made = true;
    await run(undefined, ['ip', '-batch', '-'], { stdin: each('add') });
    for (const node of spec.nodes) {
      const v6 = node.addresses.some(isV6) ? NODE_SYSCTLS_V6 : [];
      await run(member(node.name).path, ['sysctl', '-q', '-w', ...NODE_SYSCTLS, ...v6]);
    }
    for (const [name, commands] of wiring(spec, (name) => member(name).name)) {
      await run(undefined, ['ip', '-n', member(name).name, '-batch', '-'], { stdin: batch(commands) });
    }

    const withAgent = [...spec.nodes.filter((node) => node.agent === true), ...spec.pods, ...spec.clients];
    const starting = withAgent.map(async ({ name }) => {
      agents.set(name, await startAgent(member(name).path, name));
    });
    // All settled before the first failure is passed on: what is still starting could not be stopped.
    await Promise.allSettled(starting);
    await Promise.all(starting);
    for (const pod of spec.pods) {
      for (const port of pod.http ?? []) await agents.get(pod.name)?.serveHttp(port);
      for (const port of pod.udp ?? []) await agents.get(pod.name)?.serveUdp(port);
    }
  } catch (err) {
    // Of two failures the first is the one to know about.
    await remove().catch(() => undefined);
    throw err;
  }

  return {
    netns: member,
    host: (name) => {
      const agent = agents.get(name);
      if (agent === undefined) throw new Error(`the topology has no agent on ${name}`);
      return { name, netns: member(name), agent };
    },
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/** The `ip` commands of each member, in the order in which to run them. */
function wiring(spec: TopologySpec, netnsOf: (name: string) => string): [string, string[]][] {
  const steps: [string, string[]][] = [];
  const lan = ['link add br0 type bridge', 'link set br0 up'];
  for (const [i, { name }] of [...spec.nodes, ...spec.clients].entries()) {
    lan.push(`link add port${i} type veth peer name eth0 netns ${netnsOf(name)}`);
    lan.push(`link set port${i} master br0 up`);
  }
  steps.push(['lan', lan]);

  const gateway = spec.nodes[0]?.addresses.map(bare) ?? [];
  for (const client of spec.clients) {
    const commands = ['link set lo up', 'link set eth0 up'];
    for (const address of client.addresses) commands.push(assign(address, 'eth0'));
    for (const target of spec.throughFirstNode ?? []) {
      const via = gateway.find((address) => isV6(address) === isV6(target));
      if (via !== undefined) commands.push(`route add ${target} via ${via}`);
    }
    steps.push([client.name, commands]);
  }

  for (const node of spec.nodes) {
    const commands = ['link set lo up', 'link set eth0 up'];
    for (const address of node.addresses) commands.push(assign(address, 'eth0'));
    for (const other of spec.nodes) {
      if (other === node) continue;
      for (const cidr of other.podCidrs) {
        const via = other.addresses.find((address) => isV6(address) === isV6(cidr));
        if (via !== undefined) commands.push(`route add ${cidr} via ${bare(via)}`);
      }
    }
    const pods = spec.pods.filter((pod) => pod.node === node.name);
    for (const [i, pod] of pods.entries()) {
      const veth = `pod${i}`;
      commands.push(`link add ${veth} type veth peer name eth0 netns ${netnsOf(pod.name)}`);
      commands.push(`link set ${veth} up`);
      for (const cidr of node.podCidrs) commands.push(assign(single(gatewayOf(cidr)), veth));
      for (const address of pod.addresses) commands.push(`route add ${single(address)} dev ${veth}`);
    }
    steps.push([node.name, commands]);
    for (const pod of pods) steps.push([pod.name, podWiring(node, pod)]);
  }
  return steps;
}

function podWiring(node: NodeSpec, pod: PodSpec): string[] {
  const commands = ['link set lo up', 'link set eth0 up'];
  for (const address of pod.addresses) {
    commands.push(assign(single(address), 'eth0'));
    const cidr = node.podCidrs.find((candidate) => isV6(candidate) === isV6(address));
    if (cidr === undefined) throw new Error(`${node.name} has no pod network for ${address}`);
    const gateway = gatewayOf(cidr);
    commands.push(`route add ${single(gateway)} dev eth0`, `route add default via ${gateway} dev eth0`);
  }
  return commands;
}
