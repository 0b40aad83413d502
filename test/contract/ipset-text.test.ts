import { expect, it } from 'vitest';
import { SetFullError, ValidationError } from '../../src/errors.js';
import { describeOn } from '../support/backends.js';
import { rejection } from '../support/rejection.js';

/** A list with everything that lists have, and something wrong in lines 3, 5 and 8. */
const LIST = [
  '# list',
  '10.0.0.1 # one',
  'host.example',
  '10.0.0.2 ; two\r',
  '2001:db8::1',
  '',
  '\t10.0.0.3',
  '0.0.0.0',
  '10.0.0.4',
].join('\n');

describeOn(['ipset'], 'a list of addresses as text', (open) => {
  it('goes in, and every bad line is reported with number, text and reason', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const { applied, failures } = await set.addAll(LIST, { onError: 'continue' });
    expect(applied).toBe(4);
    expect(await set.texts()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
    expect(failures.map(({ line, index, entry }) => [line, index, entry])).toEqual([
      [3, 2, 'host.example'],
      [5, 4, '2001:db8::1'],
      [8, 7, '0.0.0.0'],
    ]);
    expect(failures[0]?.error).toBeInstanceOf(ValidationError);
    expect(failures[0]?.error.message).toContain('"host.example" is not an address');
    expect(failures[1]?.error.message).toContain('the set is inet');
    expect(failures[2]?.error).toMatchObject({ code: 'IPSET_ERR_HASH_ELEM', position: 7 });
    expect(failures[2]?.error.message).toContain('set web line 8 entry 0.0.0.0');
  });

  it('stops at the first bad line when told to, with what was before it in the set and counted', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const malformed = await rejection(set.addAll(LIST));
    expect(malformed).toMatchObject({ path: 'line 3', received: 'host.example', applied: 1 });
    expect(await set.texts()).toEqual(['10.0.0.1']);
    const refused = await rejection(
      set.addAll(['10.0.0.1\n10.0.0.2\n0.0.0.0\n10.0.0.3'].map((t) => Buffer.from(t))),
    );
    expect(refused).toMatchObject({ code: 'IPSET_ERR_HASH_ELEM', position: 2, applied: 2 });
    expect(await set.size()).toBe(2);
    const there = await rejection(set.addAll('10.0.0.9\n\n10.0.0.1', { exist: false }));
    expect(there).toMatchObject({ code: 'IPSET_ERR_EXIST', position: 2, applied: 1 });
  });

  it('keeps its order of events where plain lines, unusual ones and refusals mix', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip,port', { maxElements: 40 });
    const lines = Array.from({ length: 60 }, (_, i) =>
      i % 3 === 0
        ? `10.0.0.${String(i)},icmp:echo-request`
        : i % 3 === 1
          ? `10.0.0.${String(i)},tcp:1`
          : `# ${String(i)}`,
    );
    const err = await rejection(
      set.addAll([...lines, ...lines.map((l) => l.replace('10.0.0', '10.0.1'))].join('\n')),
    );
    expect(err).toBeInstanceOf(SetFullError);
    expect(err).toMatchObject({ position: 60, applied: 40 });
    expect(await set.deleteAll(lines.join('\n'))).toEqual({ applied: 40, failures: [] });
    expect(await set.size()).toBe(0);
  });
});
