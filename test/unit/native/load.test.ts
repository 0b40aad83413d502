import { describe, expect, it } from 'vitest';
import { explainLoadFailure } from '../../../src/native/load.js';

describe('why the addon does not load', () => {
  it.each(['darwin', 'win32', 'freebsd'])(
    'on %s: it is for Linux, and the rest of the package works',
    (platform) => {
      const err = explainLoadFailure(undefined, platform);
      expect(err.message).toContain(`drives the Linux kernel, this is ${platform}`);
      expect(err.hint).toContain('fakeKernel()');
      expect(err.code).toBe('ERR_ADDON_UNAVAILABLE');
    },
  );

  it('without libnl: which library, and how it is installed', () => {
    const cause = new Error('libnl-3.so.200: cannot open shared object file: No such file or directory');
    const err = explainLoadFailure(cause, 'linux');
    expect(err.message).toContain('needs libnl-3.so.200, which is not installed');
    expect(err.hint).toContain('apt install libnl-3-200 libnl-genl-3-200');
    expect(err.cause).toBe(cause);
  });

  it('without the generic netlink part of libnl', () => {
    const cause = new Error(
      'Error loading shared library libnl-genl-3.so.200: No such file (needed by ipvs.node)',
    );
    expect(explainLoadFailure(cause, 'linux').message).toContain('libnl-genl-3.so.200');
  });

  it('without a build: for which Node and machine, and how to make one', () => {
    const cause = new Error('No native build was found for platform=linux arch=riscv64 runtime=node abi=115');
    const err = explainLoadFailure(cause, 'linux');
    expect(err.message).toContain(`no native build for Node ${process.version} on ${process.arch}`);
    expect(err.hint).toContain('npm rebuild ipvs');
    expect(err.hint).toContain('libnl-genl-3-dev');
  });

  it('with a build for something else: what the loader said', () => {
    const cause = new Error("/x/ipvs.node: version `GLIBC_2.38' not found\n    at more lines");
    const err = explainLoadFailure(cause, 'linux');
    expect(err.message).toContain("GLIBC_2.38' not found)");
    expect(err.message).not.toContain('more lines');
    expect(err.hint).toContain('npm rebuild ipvs');
  });

  it('with something thrown that is no error', () => {
    expect(explainLoadFailure('odd', 'linux').message).toContain('(odd)');
  });
});
