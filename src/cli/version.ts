import { readFileSync } from 'node:fs';

/** Version of this package, from its package.json. */
export function version(): string {
  const value: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  return typeof found === 'string' ? found : 'unknown';
}
