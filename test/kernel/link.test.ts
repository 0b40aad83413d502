import { expect, it } from 'vitest';
import { createLink } from '../../src/link/link.js';
import type { Link } from '../../src/link/types.js';
import { openChannel } from '../../src/netlink/channel.js';
import { describeKernel } from '../support/backends.js';
import { missing } from '../support/needs.js';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { rejection } from '../support/rejection.js';

/** A namespace with a link API on it and the words of `ip` about it. */
async function within(test: (link: Link, netns: TestNetns) => Promise<void>): Promise<void> {
  const netns = await makeNetns('link');
  try {
    const channel = await openChannel('route', { netnsPath: netns.path });
    try {
      await test(
        createLink(() => Promise.resolve(channel)),
        netns,
      );
    } finally {
      await channel.close();
    }
  } finally {
    await netns.remove();
  }
}

/** `inet 10.0.0.1/32 scope global` … of one interface, as ip(8) has them, sorted. */
async function ipAddresses(netns: TestNetns, name: string): Promise<string[]> {
  const { stdout } = await netns.run(['ip', '-o', 'addr', 'show', 'dev', name]);
  return stdout
    .split('\n')
    .flatMap((line) => {
      const [, family, address, scope] = / (inet6?) (\S+) .*?scope (\S+)/.exec(line) ?? [];
      return family === undefined ? [] : [`${family} ${String(address)} scope ${String(scope)}`];
    })
    .sort();
}

const asIp = async (link: Link, name: string): Promise<string[]> =>
  (await link.addresses(name))
    .map(({ family, address, prefix, scope }) => `${family} ${address}/${String(prefix)} scope ${scope}`)
    .sort();

describeKernel(['link'], 'links beside ip(8)', () => {
  it('agree with ip(8) on what they added and removed', () =>
    within(async (link, netns) => {
      await link.addAddresses('lo', ['10.96.0.1', '10.96.0.2', 'fd00::1', '127.0.0.53']);
      await netns.run(['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'lo']);
      await link.removeAddresses('lo', ['10.96.0.2']);
      const seen = await asIp(link, 'lo');
      expect(seen).toEqual(await ipAddresses(netns, 'lo'));
      expect(seen).toContain('inet 10.96.0.1/32 scope global');
      expect(seen).toContain('inet 192.0.2.1/24 scope global');
      expect(seen).not.toContain('inet 10.96.0.2/32 scope global');
    }));

  it('see the kinds of interfaces that ip(8) made', () =>
    within(async (link, netns) => {
      await netns.run(['ip', 'link', 'add', 'left0', 'type', 'veth', 'peer', 'name', 'right0']);
      await netns.run(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
      await netns.run(['ip', 'link', 'set', 'br0', 'up']);
      const kinds = (await link.list()).map(({ name, kind, up }) => [name, kind, up]);
      expect(kinds).toEqual(
        expect.arrayContaining([
          ['lo', undefined, true],
          ['left0', 'veth', false],
          ['right0', 'veth', false],
          ['br0', 'bridge', true],
        ]),
      );
      expect(await rejection(link.ensureDummy('br0'))).toMatchObject({ name: 'AlreadyExistsError' });
      expect(await link.remove('left0')).toBe(true);
      expect(await link.get('right0')).toBeUndefined();
    }));

  it('tell addresses of one interface from those of others', () =>
    within(async (link, netns) => {
      await netns.run(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
      await link.addAddresses('br0', ['10.96.0.1']);
      await link.addAddresses('lo', ['10.96.0.1', '10.96.0.2']);
      expect(await asIp(link, 'br0')).toEqual(['inet 10.96.0.1/32 scope global']);
      const all = await link.addresses();
      expect(
        all
          .filter((a) => a.address === '10.96.0.1')
          .map((a) => a.link)
          .sort(),
      ).toEqual(['br0', 'lo']);
    }));

  it('read back IPv6 addresses that are usable at once', () =>
    within(async (link, netns) => {
      await netns.run(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
      await netns.run(['ip', 'link', 'set', 'br0', 'up']);
      await link.addAddresses('br0', ['fd00::1']);
      const { stdout } = await netns.run(['ip', '-6', '-o', 'addr', 'show', 'dev', 'br0', 'scope', 'global']);
      expect(stdout).toContain('nodad');
      expect(stdout).not.toContain('tentative');
    }));

  if (missing(['root', 'dummy']) === undefined) {
    it('make a dummy as ip(8) would, down, with its addresses local to the machine', () =>
      within(async (link, netns) => {
        await link.ensureDummy('kube-ipvs0');
        await link.addAddresses('kube-ipvs0', ['10.96.0.10', 'fd00::10']);
        expect(await asIp(link, 'kube-ipvs0')).toEqual(await ipAddresses(netns, 'kube-ipvs0'));
        const { stdout } = await netns.run(['ip', '-d', '-o', 'link', 'show', 'dev', 'kube-ipvs0']);
        expect(stdout).toMatch(/ dummy /);
        expect(stdout).toContain('NOARP');
        expect(stdout).toContain('state DOWN');
        const route = await netns.run(['ip', 'route', 'get', '10.96.0.10']);
        expect(route.stdout).toMatch(/^local 10\.96\.0\.10 /);
      }));
  } else {
    it('say that the kernel has no dummy interfaces, and how to get them', () =>
      within(async (link) => {
        expect(await rejection(link.ensureDummy('kube-ipvs0'))).toMatchObject({
          name: 'UnsupportedError',
          hint: 'modprobe dummy',
        });
      }));
  }
});
