import { expect, it } from 'vitest';
import { describeOn } from '../support/backends.js';

describeOn(['ipvs'], 'features of a kernel with IPVS', (open, backend) => {
  it('say which schedulers and engines can be had, and by whom', async () => {
    const kernel = await open();
    const { ipvs, netAdmin, initialUserNamespace, release, tools } = await kernel.features();
    if (!ipvs.available) throw new Error(ipvs.reason);
    expect(ipvs.version).toMatch(/^1\.\d+\.\d+$/);
    expect(ipvs.engines).toEqual({ sip: expect.stringMatching(/^(?:loaded|builtin|loadable)$/) as string });
    expect(Object.keys(ipvs.schedulers)).toEqual(expect.arrayContaining(['rr', 'wlc', 'mh']));
    expect(ipvs).toMatchObject({ tunnels: true, tunnelChecksums: true, stats64: true, mixedFamilies: true });
    expect({ netAdmin, initialUserNamespace }).toEqual({ netAdmin: true, initialUserNamespace: true });
    expect(release).toMatch(/^\d+\.\d+/);
    if (backend.name === 'kernel') expect(tools.ipvsadm).toMatch(/^\/.*\/ipvsadm$/);
  });

  it('are right: what is absent is refused, and everything else is there, at the latest when it is named', async () => {
    const kernel = await open();
    const before = await kernel.features();
    if (!before.ipvs.available) throw new Error(before.ipvs.reason);
    const refused: string[] = [];
    for (const [i, scheduler] of Object.keys(before.ipvs.schedulers).entries()) {
      await kernel.ipvs.add({ fwmark: i + 1 }, { scheduler }).catch((err: unknown) => {
        expect(err).toMatchObject({ name: 'UnsupportedError' });
        refused.push(scheduler);
      });
    }
    const absent = Object.entries(before.ipvs.schedulers).filter(([, state]) => state === 'absent');
    expect(refused).toEqual(absent.map(([name]) => name));
    const after = await kernel.features();
    if (!after.ipvs.available) throw new Error(after.ipvs.reason);
    const states = new Set(Object.values(after.ipvs.schedulers));
    expect([...states].filter((state) => state === 'loadable' || state === 'unknown')).toEqual([]);
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
