import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { diffRules } from '../../src/rules/diff.js';
import { classicRules } from '../../src/rules/kube/classic.js';
import type { ClassicRulesInput } from '../../src/rules/kube/input.js';
import { KUBE_CHAINS, KUBE_SETS, type KubeSetName } from '../../src/rules/kube/names.js';
import { createRules } from '../../src/rules/rules.js';
import { createRunner } from '../../src/rules/runner.js';
import type { Rules } from '../../src/rules/types.js';
import { describeKernel } from '../support/backends.js';
import { makeNetns, type TestNetns } from '../support/netns.js';

const VIP = '203.0.113.10';

const INPUT: ClassicRulesInput = {
  family: 'inet',
  masqueradeAll: false,
  masqueradeBit: 14,
  nonEmptySets: new Set<KubeSetName>([
    'KUBE-LOAD-BALANCER',
    'KUBE-LOAD-BALANCER-FW',
    'KUBE-LOAD-BALANCER-SOURCE-CIDR',
  ]),
};

/**
 * Connects once per `FROM:PORT`, all at the same time; says for each `open`, or the error code, or `dropped` when nothing comes back. One
 * process for all, since starting Node is slow in an emulated machine.
 */
const CLIENT = `
  const [host, ...attempts] = process.argv.slice(1);
  const attempt = (text) => new Promise((resolve) => {
    const [localAddress, port] = text.split(':');
    const socket = require('net').connect({ host, port: Number(port), localAddress });
    const say = (word) => { socket.destroy(); resolve(word); };
    socket.on('connect', () => say('open')).on('error', (err) => say(err.code)).setTimeout(3000, () => say('dropped'));
  });
  Promise.all(attempts.map(attempt)).then((words) => console.log(words.join(' ')));
`;

const SERVER = `
  require('net').createServer((socket) => socket.end()).listen(80, '0.0.0.0', () => console.log('listening'));
`;

describeKernel(['rules', 'ipset'], 'traffic to an address with source ranges', () => {
  let node: TestNetns;
  let client: TestNetns;
  let rules: Rules;
  let stop: () => Promise<void>;

  const connect = async (where: TestNetns, ...attempts: readonly string[]): Promise<string[]> =>
    (await where.run([process.execPath, '-e', CLIENT, VIP, ...attempts])).stdout.trim().split(' ');
  const install = async (input: ClassicRulesInput): Promise<void> =>
    rules.apply(diffRules(classicRules(input), await rules.read('inet', KUBE_CHAINS)));

  beforeEach(async () => {
    node = await makeNetns('node');
    client = await makeNetns('client');
    rules = createRules(createRunner({ netnsPath: node.path }));
    await node.run([
      'ip',
      'link',
      'add',
      'up0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      client.name,
    ]);
    await node.run(['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'up0']);
    await node.run(['ip', 'addr', 'add', `${VIP}/32`, 'dev', 'lo']);
    await node.run(['ip', 'link', 'set', 'up0', 'up']);
    for (const address of ['192.0.2.7/24', '192.0.2.200/24'])
      await client.run(['ip', 'addr', 'add', address, 'dev', 'eth0']);
    await client.run(['ip', 'link', 'set', 'eth0', 'up']);
    await client.run(['ip', 'route', 'add', 'default', 'via', '192.0.2.1']);
    const create = Object.entries(KUBE_SETS).map(
      ([name, { type }]) => `create ${name} ${type} ${type === 'bitmap:port' ? 'range 0-65535' : ''}`,
    );
    const add = [
      `add KUBE-LOAD-BALANCER ${VIP},tcp:80`,
      `add KUBE-LOAD-BALANCER-FW ${VIP},tcp:80`,
      `add KUBE-LOAD-BALANCER-SOURCE-CIDR ${VIP},tcp:80,192.0.2.0/25`,
    ];
    await node.run(['ipset', 'restore'], { stdin: `${[...create, ...add].join('\n')}\n` });

    const server = spawn('nsenter', [`--net=${node.path}`, '--', process.execPath, '-e', SERVER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout, 'data');
    stop = async () => {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    };
  });
  afterEach(async () => {
    await stop();
    await client.remove();
    await node.remove();
  });

  it('passes from inside the range and is dropped from outside, with dropMarked', async () => {
    await install({ ...INPUT, dropMarked: true });
    expect(await connect(client, '192.0.2.7:80', '192.0.2.200:80', '192.0.2.200:81')).toEqual([
      'open',
      'dropped',
      'ECONNREFUSED',
    ]);
    // The node itself: from an address in the range, and from the one that the kernel chooses for its own addresses.
    expect(await connect(node, '192.0.2.1:80', `${VIP}:80`)).toEqual(['open', 'dropped']);
  });

  it('passes from the node itself where a range holds it', async () => {
    const sets = new Set([...INPUT.nonEmptySets, 'KUBE-LOAD-BALANCER-SOURCE-IP' as const]);
    await node.run(['ipset', 'add', 'KUBE-LOAD-BALANCER-SOURCE-IP', `${VIP},tcp:80,${VIP}`]);
    await install({ ...INPUT, nonEmptySets: sets, dropMarked: true });
    expect(await connect(node, `${VIP}:80`)).toEqual(['open']);
    expect(await connect(client, '192.0.2.200:80')).toEqual(['dropped']);
  });

  it('is only marked by the documented rules, which nobody drops without a kubelet', async () => {
    await install(INPUT);
    expect(await connect(client, '192.0.2.200:80')).toEqual(['open']);
  });

  it('is dropped for packets that the node forwards, too', async () => {
    await install({ ...INPUT, dropMarked: true });
    await node.run(['ip', 'addr', 'del', `${VIP}/32`, 'dev', 'lo']);
    await node.run(['ip', 'route', 'add', `${VIP}/32`, 'via', '192.0.2.7', 'dev', 'up0']);
    await node.run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    await connect(client, '192.0.2.200:80');
    const { stdout } = await node.run(['iptables', '-vxnL', 'FORWARD']);
    expect(stdout).toMatch(/KUBE-PROXY-FIREWALL/);
    const chain = await node.run(['iptables', '-vxnL', 'KUBE-PROXY-FIREWALL']);
    expect(Number(/^\s*(\d+)\s+\d+\s+DROP/m.exec(chain.stdout)?.[1])).toBeGreaterThan(0);
  });
});
