import { describe, expect, it } from 'vitest';
import { machineFacts, type MachineFiles } from '../../../src/kernel/machine.js';

const RELEASE = '6.1.0-56-cloud-amd64';
const FOLDER = `/lib/modules/${RELEASE}`;

function filesOf(texts: Readonly<Record<string, string>>, programs: readonly string[] = []): MachineFiles {
  return {
    text: (path) => Promise.resolve(texts[path]),
    link: (path) => Promise.resolve(texts[path]),
    executable: (path) => Promise.resolve(programs.includes(path)),
  };
}

const facts = (texts: Readonly<Record<string, string>>, programs?: readonly string[], path = '/usr/bin') =>
  machineFacts(filesOf(texts, programs), RELEASE, path);

describe('what a machine says of itself', () => {
  const TEXTS = {
    '/proc/modules': 'ip_vs_rr 16384 0 - Live 0x0\nip_vs 180224 2 ip_vs_rr, Live 0x0\n',
    [`${FOLDER}/modules.builtin`]: 'kernel/net/netfilter/ipvs/ip_vs_wlc.ko\n',
    [`${FOLDER}/modules.dep`]:
      'kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko\n' +
      'kernel/net/netfilter/ipvs/ip_vs_sh.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz\n' +
      'kernel/drivers/ip-vs-mh.ko.zst:\n',
  };

  it('names the state of each module', async () => {
    const { module } = await facts(TEXTS);
    const names = ['ip_vs_rr', 'ip_vs_wlc', 'ip_vs_sh', 'ip_vs_mh', 'ip_vs_twos', 'ip_vs_r'];
    expect(names.map((name) => module(name))).toEqual([
      'loaded',
      'builtin',
      'loadable',
      'loadable',
      'absent',
      'absent',
    ]);
  });

  it('loads nothing where loading was switched off', async () => {
    const { module } = await facts({ ...TEXTS, '/proc/sys/kernel/modules_disabled': '1\n' });
    expect(['ip_vs_rr', 'ip_vs_wlc', 'ip_vs_sh'].map((name) => module(name))).toEqual([
      'loaded',
      'builtin',
      'absent',
    ]);
  });

  it('does not know what the host could load when its modules are not to be seen', async () => {
    const { module } = await facts({ '/proc/modules': TEXTS['/proc/modules'] });
    expect(['ip_vs_rr', 'ip_vs_sh'].map((name) => module(name))).toEqual(['loaded', 'unknown']);
    expect((await facts({})).module('ip_vs_rr')).toBe('unknown');
  });

  it.each([
    ['0000000000001000', true],
    ['000001ffffffffff', true],
    ['0000000000000fff', false],
    ['000001ffffffefff', false],
  ])('reads CAP_NET_ADMIN of %s', async (mask, expected) => {
    expect((await facts({ '/proc/self/status': `CapPrm:\t0\nCapEff:\t${mask}\n` })).netAdmin).toBe(expected);
  });

  it('tells the initial user namespace by its inode', async () => {
    const of = async (link: string) => (await facts({ '/proc/self/ns/user': link })).initialUserNamespace;
    expect(await of('user:[4026531837]')).toBe(true);
    expect(await of('user:[4026532266]')).toBe(false);
    expect((await facts({})).initialUserNamespace).toBeUndefined();
  });

  it('finds programs where PATH says, and where those of administrators are', async () => {
    const { tools } = await facts(
      {},
      ['/opt/bin/ipset', '/usr/sbin/ipset', '/usr/sbin/nft', 'relative/ip'],
      'relative:/opt/bin',
    );
    expect(tools).toMatchObject({ ipset: '/opt/bin/ipset', nft: '/usr/sbin/nft' });
    expect(tools.ip).toBeUndefined();
    expect(Object.keys(tools)).toContain('ipvsadm');
  });
});
