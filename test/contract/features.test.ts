import { expect, it } from 'vitest';
import { describeOn } from '../support/backends.js';

describeOn(['ipvs'], 'features of a kernel with IPVS', (open, backend) => {
  it('say which schedulers and engines can be had, and by whom', async () => {
    const kernel = await open();
    const { ipvs, netAdmin, initialUserNamespace, release, tools } = await kernel.features();
    if (!ipvs.available) throw new Error(ipvs.reason);
    expect(ipvs.version).toMatch(/^1\.\d+\.\d+$/);
    const states = Object.values({ ...ipvs.schedulers, ...ipvs.engines });
    expect(new Set(states.filter((state) => state === 'absent' || state === 'unknown'))).toEqual(new Set());
    expect(Object.keys(ipvs.schedulers)).toEqual(expect.arrayContaining(['rr', 'wlc', 'mh']));
    expect(ipvs).toMatchObject({ tunnels: true, tunnelChecksums: true, stats64: true, mixedFamilies: true });
    expect({ netAdmin, initialUserNamespace }).toEqual({ netAdmin: true, initialUserNamespace: true });
    expect(release).toMatch(/^\d+\.\d+/);
    if (backend.name === 'kernel') expect(tools.ipvsadm).toMatch(/^\/.*\/ipvsadm$/);
  });

  it('are told without loading a scheduler', async () => {
    const kernel = await open();
    const before = await kernel.features();
    const again = await kernel.features();
    expect(again).toEqual(before);
    await kernel.ipvs.add('tcp://10.96.0.10:80', { scheduler: 'dh' });
    const after = await kernel.features();
    if (!after.ipvs.available) throw new Error(after.ipvs.reason);
    expect(['loaded', 'builtin']).toContain(after.ipvs.schedulers['dh']);
  });
});

describeOn(['ipset'], 'features of a kernel with ipset', (open) => {
  it('say which set types there are, by revision', async () => {
    const kernel = await open();
    const { ipset } = await kernel.features();
    if (!ipset.available) throw new Error(ipset.reason);
    expect(ipset.protocol).toBeGreaterThanOrEqual(6);
    expect(ipset.types['hash:ip']?.max).toBeGreaterThan(0);
  });
});
