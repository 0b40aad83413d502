import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.js';
import * as records from '../../src/native/records.js';

/** The record layouts of the module: objects with a size. The others are tables of bits. */
const twins = Object.entries(records).flatMap(([name, layout]) =>
  'size' in layout ? [[name, layout] as const] : [],
);

describe('record layouts', () => {
  const native = loadAddon().layouts();

  it('are the same records on both sides of the seam', () => {
    expect(twins.map(([name]) => name).sort()).toEqual(Object.keys(native).sort());
  });

  it.each(twins)('%s has the same size and offsets on both sides', (name, layout) => {
    expect(layout).toEqual(native[name]);
  });

  it.each(twins)('%s fills arrays without misaligning its 64-bit fields', (_name, layout) => {
    expect(layout.size % 8).toBe(0);
  });
});

describe('versions', () => {
  it('names the libnl that the addon was built with and the Node-API that it runs on', () => {
    const { libnl, napi } = loadAddon().versions();
    expect(libnl).toMatch(/^3\.\d+/);
    expect(napi).toBeGreaterThanOrEqual(8);
  });
});
