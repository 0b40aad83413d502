import type { EndpointSlice, Service } from '../../../src/proxy/index.js';
import { readManifests } from '../../../src/proxy/index.js';
import type { Fields } from '../proxy/objects.js';

/** Services and slices from API objects, which must all be good. */
export function objects(items: readonly Fields[]): {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
} {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { services, slices, problems } = readManifests([{ file: 'test', text }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return { services, slices };
}
