import { expect, it } from 'vitest';
import { isAlreadyExists, isNotFound, isValidation } from '../../src/errors.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

const hosts = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => `10.96.${String(i >> 8)}.${String(i & 0xff)}`).filter(
    (a) => a !== '10.96.0.0',
  );

describeOn(['link'], 'links', (open) => {
  it('has the loopback interface in a fresh namespace', async () => {
    const { link } = await open();
    const lo = await link.get('lo');
    expect(lo).toMatchObject({ name: 'lo', index: 1, up: true });
    expect(lo?.kind).toBeUndefined();
    expect(await link.list()).toContainEqual(lo);
  });

  it('answers undefined for an interface that is not there', async () => {
    const { link } = await open();
    expect(await link.get('nope0')).toBeUndefined();
  });

  it('sees loopback addresses with their length and scope', async () => {
    const { link } = await open();
    expect(await link.addresses('lo')).toContainEqual({
      link: 'lo',
      family: 'inet',
      address: '127.0.0.1',
      prefix: 8,
      scope: 'host',
    });
    expect(await link.addresses()).toEqual(await link.addresses('lo'));
  });

  it('adds addresses of both families, canonical, and says which were there', async () => {
    const { link } = await open();
    expect(await link.addAddresses('lo', ['10.96.0.10', '2001:DB8:0::1'])).toEqual({
      changed: ['10.96.0.10', '2001:db8::1'],
      unchanged: [],
    });
    expect(await link.addAddresses('lo', ['10.96.0.11', '2001:db8::1', '10.96.0.10'])).toEqual({
      changed: ['10.96.0.11'],
      unchanged: ['2001:db8::1', '10.96.0.10'],
    });
    expect(await link.addresses('lo')).toEqual(
      expect.arrayContaining([
        { link: 'lo', family: 'inet', address: '10.96.0.10', prefix: 32, scope: 'global' },
        { link: 'lo', family: 'inet6', address: '2001:db8::1', prefix: 128, scope: 'global' },
      ]),
    );
  });

  it('removes addresses and says which were gone', async () => {
    const { link } = await open();
    await link.addAddresses('lo', ['10.96.0.10', '2001:db8::1']);
    expect(
      await link.removeAddresses('lo', ['10.96.0.10', '10.96.0.99', '2001:db8::1', '2001:db8::2']),
    ).toEqual({
      changed: ['10.96.0.10', '2001:db8::1'],
      unchanged: ['10.96.0.99', '2001:db8::2'],
    });
    const left = (await link.addresses('lo')).map((a) => a.address).sort();
    expect(left).toEqual(['127.0.0.1', '::1']);
  });

  it('sends an address that is given twice once', async () => {
    const { link } = await open();
    expect(await link.addAddresses('lo', ['2001:db8::1', '2001:db8:0:0::1'])).toEqual({
      changed: ['2001:db8::1'],
      unchanged: [],
    });
  });

  it('adds and removes a thousand addresses in a run', async () => {
    const { link } = await open();
    const many = hosts(1000);
    expect((await link.addAddresses('lo', many)).changed).toEqual(many);
    expect((await link.addresses('lo')).filter((a) => a.prefix === 32)).toHaveLength(many.length);
    expect((await link.removeAddresses('lo', many)).changed).toEqual(many);
  });

  it('gives addresses of 127/8 the scope of the host', async () => {
    const { link } = await open();
    await link.addAddresses('lo', ['127.0.0.53']);
    expect(await link.addresses('lo')).toContainEqual(
      expect.objectContaining({ address: '127.0.0.53', prefix: 32, scope: 'host' }),
    );
  });

  it('names the first refused address, tries the others and counts them', async () => {
    const { link } = await open();
    const err = await rejection(link.addAddresses('lo', ['10.96.0.1', 'ff02::1', '10.96.0.2']));
    expect(err).toMatchObject({
      name: 'InvalidArgumentError',
      operation: 'link.addAddresses',
      position: 1,
      applied: 2,
    });
    expect((await link.addresses('lo')).map((a) => a.address)).toEqual(
      expect.arrayContaining(['10.96.0.1', '10.96.0.2']),
    );
  });

  it('says that an interface is missing', async () => {
    const { link } = await open();
    for (const err of await Promise.all(
      [
        link.addAddresses('nope0', ['10.0.0.1']),
        link.removeAddresses('nope0', ['10.0.0.1']),
        link.addresses('nope0'),
        link.setUp('nope0', true),
        link.remove('nope0'),
      ].map(rejection),
    )) {
      expect(isNotFound(err)).toBe(true);
      expect(err).toMatchObject({ code: 'ENODEV', errno: -19 });
    }
    expect(await link.remove('nope0', { ifExists: true })).toBe(false);
  });

  it('sends nothing when an input is malformed', async () => {
    const { link } = await open();
    for (const err of await Promise.all(
      [
        link.addAddresses('lo', ['10.0.0.1', 'nonsense']),
        link.addAddresses('lo', ['0.0.0.0']),
        link.addAddresses('lo', ['10.0.0.1/24']),
        link.addAddresses('', []),
        link.get('a name'),
        link.get('sixteen-bytes-ab'),
        link.remove('..'),
      ].map(rejection),
    ))
      expect(isValidation(err)).toBe(true);
    expect(link.counters().messages).toBe(0);
  });

  it('takes the interface down and up', async () => {
    const { link } = await open();
    await link.setUp('lo', false);
    expect((await link.get('lo'))?.up).toBe(false);
    await link.setUp('lo', true);
    expect((await link.get('lo'))?.up).toBe(true);
  });

  it('keeps IPv4 and loses IPv6 addresses of an interface that goes down', async () => {
    const { link } = await open();
    await link.addAddresses('lo', ['10.96.0.1', '2001:db8::1']);
    await link.setUp('lo', false);
    const left = (await link.addresses('lo')).map((a) => a.address);
    expect(left).toContain('10.96.0.1');
    expect(left).not.toContain('2001:db8::1');
  });

  it('does not make a dummy interface of another one, nor removes loopback', async () => {
    const { link } = await open();
    expect(isAlreadyExists(await rejection(link.ensureDummy('lo')))).toBe(true);
    expect(await rejection(link.remove('lo'))).toMatchObject({
      name: 'UnsupportedError',
      code: 'EOPNOTSUPP',
    });
  });

  it('rejects with the reason of the signal', async () => {
    const { link } = await open();
    const signal = AbortSignal.abort(new Error('stop'));
    expect(await rejection(link.list({ signal }))).toBe(signal.reason);
    expect(await rejection(link.addAddresses('lo', ['10.0.0.1'], { signal }))).toBe(signal.reason);
  });
});

describeOn(['link', 'dummy'], 'dummy interfaces', (open) => {
  it('are made once, down, and removed with their addresses', async () => {
    const { link } = await open();
    expect(await link.ensureDummy('kube-ipvs0')).toEqual({ created: true });
    expect(await link.ensureDummy('kube-ipvs0')).toEqual({ created: false });
    expect(await link.get('kube-ipvs0')).toMatchObject({ kind: 'dummy', up: false });
    await link.addAddresses('kube-ipvs0', ['10.96.0.10', 'fd00::a']);
    expect(
      (await link.addresses('kube-ipvs0')).map((a) => `${a.address}/${String(a.prefix)}`).sort(),
    ).toEqual(['10.96.0.10/32', 'fd00::a/128']);
    expect(await link.remove('kube-ipvs0')).toBe(true);
    expect(await link.get('kube-ipvs0')).toBeUndefined();
    expect((await link.addresses()).map((a) => a.address)).not.toContain('10.96.0.10');
  });

  it('are made by exactly one of many callers', async () => {
    const { link } = await open();
    const made = await Promise.all(Array.from({ length: 5 }, () => link.ensureDummy('race0')));
    expect(made.filter((m) => m.created)).toHaveLength(1);
  });

  it('take a name of fifteen bytes', async () => {
    const { link } = await open();
    await link.ensureDummy('fifteen-bytes-a');
    expect(await link.get('fifteen-bytes-a')).toMatchObject({ name: 'fifteen-bytes-a' });
  });
});
