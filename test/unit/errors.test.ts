import { describe, expect, it } from 'vitest';
import {
  AddonUnavailableError,
  AlreadyExistsError,
  CommandError,
  errnoName,
  IpvsError,
  isAlreadyExists,
  isNetlinkError,
  isNotFound,
  isValidation,
  NetlinkError,
  NotFoundError,
  show,
  ValidationError,
} from '../../src/errors.js';

const refusal = {
  code: 'EEXIST',
  errno: -17,
  operation: 'ipvs.add',
  target: 'tcp://10.0.0.1:80',
  meaning: 'it exists already',
};

describe('errors', () => {
  it('say what was tried, on what, the answer and the remedy', () => {
    const err = new AlreadyExistsError({ ...refusal, hint: 'use ensure()', extack: { message: 'no' } });
    expect(err.message).toBe(
      'ipvs.add tcp://10.0.0.1:80: it exists already [EEXIST]; the kernel says: no\n  hint: use ensure()',
    );
    expect(err).toMatchObject({
      name: 'AlreadyExistsError',
      code: 'EEXIST',
      errno: -17,
      operation: 'ipvs.add',
    });
  });

  it('are recognised by class and by predicate, subclasses included', () => {
    const err = new NotFoundError(refusal);
    expect(err).toBeInstanceOf(NotFoundError);
    expect(err).toBeInstanceOf(NetlinkError);
    expect(err).toBeInstanceOf(IpvsError);
    expect(err).toBeInstanceOf(Error);
    expect(err).not.toBeInstanceOf(AlreadyExistsError);
    expect([isNotFound(err), isNetlinkError(err), isAlreadyExists(err), isValidation(err)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('are recognised across two copies of the package', () => {
    // What another copy's error looks like: another class, the same brand.
    const foreign = Object.assign(new Error('x'), {
      [Symbol.for('ipvs.error')]: ['NotFoundError', 'NetlinkError', 'IpvsError'],
    });
    expect(isNotFound(foreign)).toBe(true);
    expect(foreign).toBeInstanceOf(NotFoundError);
    expect(foreign).toBeInstanceOf(NetlinkError);
  });

  it.each([undefined, null, 7, 'x', new Error('x'), { name: 'NotFoundError' }])(
    'do not claim %s',
    (value) => {
      expect(isNotFound(value)).toBe(false);
    },
  );

  it('keep the path when seen from further out', () => {
    const err = new ValidationError('port', 'an integer from 0 to 65535', 70000);
    expect(err.under('entries[3]').path).toBe('entries[3].port');
    expect(err.under('entries[3]').message).toBe(
      'entries[3].port: expected an integer from 0 to 65535, received 70000',
    );
    expect(new ValidationError('[2]', 'x', 1).under('entries').path).toBe('entries[2]');
    expect(new ValidationError('', 'x', 1).under('entries').path).toBe('entries');
  });

  it('name the program, the line and its text', () => {
    const err = new CommandError({
      argv: ['iptables-restore', '-w'],
      exitCode: 2,
      stderr: 'line 3 failed\n',
      line: 3,
      lineText: '-A X',
    });
    expect(err.message).toBe(
      'iptables-restore -w failed with exit code 2 at input line 3: -A X\n  line 3 failed',
    );
    expect(new CommandError({ argv: ['nft'], stderr: '', missing: true }).code).toBe('ERR_COMMAND_MISSING');
  });

  it('carry the remedy of a missing addon in the message', () => {
    expect(new AddonUnavailableError('no libnl', 'apt install libnl-3-200').message).toContain(
      'apt install libnl-3-200',
    );
  });

  it('name errno values with either sign', () => {
    expect([errnoName(-2), errnoName(105), errnoName(-4095)]).toEqual(['ENOENT', 'ENOBUFS', 'ERRNO_4095']);
  });

  it('show any value without throwing', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const hostile = {
      toJSON: () => {
        throw new Error('no');
      },
    };
    expect([
      show('a"b'),
      show(1n),
      show(Number.NaN),
      show(undefined),
      show(cyclic),
      show(hostile),
      show('x'.repeat(100)).length,
    ]).toEqual(['"a\\"b"', '1n', 'NaN', 'undefined', '[object Object]', '[object Object]', 82]);
  });
});
