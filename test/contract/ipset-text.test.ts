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

  it('may have lines of any length: what is too long is reported, a long comment passed over', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip');
    const blanks = ' '.repeat(40_000);
    const long = 'x'.repeat(600_000);
    const lines = ['10.0.0.1', long, `# ${long}`, `10.0.0.2${blanks}`, `10.0.0.3 ${blanks}rest`, '10.0.0.4'];
    const { applied, failures } = await set.addAll(lines.join('\n'), { onError: 'continue' });
    expect(failures.map(({ line, index }) => [line, index])).toEqual([
      [2, 1],
      [5, 4],
    ]);
    expect(failures[0]?.entry).toBe('x'.repeat(200));
    for (const { error } of failures) expect(error).toBeInstanceOf(ValidationError);
    expect([applied, await set.texts()]).toEqual([3, ['10.0.0.1', '10.0.0.2', '10.0.0.4']]);
    // In pieces too, and as the last line.
    const pieces = Buffer.from(`10.0.0.5\n${long}`);
    const err = await rejection(set.addAll([pieces.subarray(0, 400_000), pieces.subarray(400_000)]));
    expect(err).toMatchObject({ path: 'line 2', expected: 'at most 32767 bytes', applied: 1 });
    expect(await set.size()).toBe(4);
  });

  it('is UTF-8: other bytes are refused in what would be stored, and nowhere else', async () => {
    const { ipset } = await open();
    const set = await ipset.create('web', 'hash:ip', { comment: true });
    const latin1 = Buffer.from('# Ö\n10.0.0.1 # Ö\n10.0.0.2 comment "Ö"\n10.0.0.3 comment "ok"', 'latin1');
    const { applied, failures } = await set.addAll(latin1, { onError: 'continue' });
    expect(failures.map(({ line, error }) => [line, error.message.includes('UTF-8')])).toEqual([[3, true]]);
    expect([applied, await set.texts()]).toEqual([2, ['10.0.0.1', '10.0.0.3 comment "ok"']]);
    await set.addAll('10.0.0.2 comment "Ö \ufffd"');
    expect(await set.has('10.0.0.2')).toBe(true);
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
