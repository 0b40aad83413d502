import { readFile } from 'node:fs/promises';
import type { Protocol } from '../../net/protocol.js';

/** Names of ports. */
export interface PortNames {
  /** @param protocol as /etc/services has it: `tcp`, `udp`, `sctp` … */
  port(name: string, protocol: string): number | undefined;
  name(port: number, protocol: Protocol): string | undefined;
}

/**
 * Read the text of /etc/services (services(5)): `name port/protocol [alias…]`, `#` begins a comment. The first line that fits counts,
 * as for getservbyname(3) and getservbyport(3).
 */
export function parseServices(text: string): PortNames {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, entry, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const match = /^(\d{1,5})\/(\S+)$/.exec(entry ?? '');
    if (name === undefined || match === null) continue;
    const [, port = '', protocol = ''] = match;
    const byPort = `${String(Number(port))} ${protocol}`;
    if (!names.has(byPort)) names.set(byPort, name);
    for (const word of [name, ...aliases]) {
      const byName = `${word} ${protocol}`;
      if (!ports.has(byName)) ports.set(byName, Number(port));
    }
  }
  return {
    port: (name, protocol) => ports.get(`${name} ${protocol}`),
    name: (port, protocol) => names.get(`${String(port)} ${protocol}`),
  };
}

/** The ports of this machine; none where there is no /etc/services. */
export async function systemServices(): Promise<PortNames> {
  try {
    return parseServices(await readFile('/etc/services', 'utf8'));
  } catch (err) {
    if (typeof err === 'object' && err !== null && 'code' in err && err.code === 'ENOENT')
      return parseServices('');
    throw err;
  }
}
