import { expect, it } from 'vitest';
import { IPVS_SYSCTLS, type IpvsSysctlName } from '../../src/sysctl/ipvs.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

describeOn(['ipvs'], 'sysctls of IPVS', (open, backend) => {
  it('have the defaults of a fresh namespace', async () => {
    const { sysctl } = await open();
    const all = await sysctl.ipvs.all();
    for (const [name, value] of Object.entries(all)) {
      const expected = IPVS_SYSCTLS[name as IpvsSysctlName].default;
      if (expected !== undefined) expect([name, value]).toEqual([name, expected]);
    }
    expect(Object.keys(all).length).toBeGreaterThan(backend.name === 'kernel' ? 25 : 4);
  });

  it('are read and written by type', async () => {
    const { sysctl } = await open();
    const changes = await sysctl.ipvs.set({ conntrack: true, conn_reuse_mode: 0, run_estimation: true });
    expect(changes.map(({ before, after, changed }) => [before, after, changed])).toEqual([
      ['0', '1', true],
      ['1', '0', true],
      ['1', '1', false],
    ]);
    expect(await sysctl.ipvs.get('conntrack')).toBe(true);
    expect(await sysctl.ipvs.get('conn_reuse_mode')).toBe(0);
    expect(await sysctl.get('net.ipv4.vs.conntrack')).toBe('1');
  });

  it('that the kernel lacks are undefined, and cannot be set', async () => {
    const { sysctl } = await open();
    const lacking = Object.keys(IPVS_SYSCTLS) as IpvsSysctlName[];
    const all = await sysctl.ipvs.all();
    const name = lacking.find((candidate) => !(candidate in all));
    if (name === undefined) return;
    expect(await sysctl.ipvs.get(name)).toBeUndefined();
    if (IPVS_SYSCTLS[name].kind !== 'integer') return;
    expect(await rejection(sysctl.ipvs.set({ [name]: 1 }))).toMatchObject({
      name: 'UnsupportedError',
      operation: 'sysctl.set',
      target: `net/ipv4/vs/${name}`,
    });
  });

  it('are checked before anything is written', async () => {
    const { sysctl } = await open();
    const bad: readonly (readonly [object | number, string])[] = [
      [7, 'values'],
      [{ contrack: true }, 'contrack'],
      [{ conntrack: 1 }, 'conntrack'],
      [{ drop_entry: 4 }, 'drop_entry'],
      [{ conn_reuse_mode: 1.5 }, 'conn_reuse_mode'],
      [{ sync_ports: 3 }, 'sync_ports'],
      [{ sync_threshold: [50, 3] }, 'sync_threshold'],
      [{ sync_threshold: [1] }, 'sync_threshold'],
      [{ est_cpulist: '1; 2' }, 'est_cpulist'],
      [{ est_nice: 20 }, 'est_nice'],
    ];
    for (const [values, path] of bad) {
      const given = typeof values === 'number' ? values : { cache_bypass: true, ...values };
      expect(await rejection(sysctl.ipvs.set(given as never))).toMatchObject({
        name: 'ValidationError',
        path,
      });
    }
    expect(await sysctl.ipvs.get('cache_bypass')).not.toBe(true);
  });

  it('take whatever the table says that they take', async () => {
    const { sysctl } = await open();
    const all = await sysctl.ipvs.all();
    const values = {
      sync_threshold: [5, 100],
      sync_ports: 4,
      drop_packet: 3,
      secure_tcp: 1,
      sync_retries: 3,
      sync_version: 0,
      sync_refresh_period: 60,
      expire_quiescent_template: true,
      sloppy_tcp: true,
    } as const;
    const known = Object.fromEntries(Object.entries(values).filter(([name]) => name in all));
    await sysctl.ipvs.set(known);
    expect(await sysctl.ipvs.all()).toMatchObject(known);
  });
});
