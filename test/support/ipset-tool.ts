import type { IpsetNameService } from '../../src/cli/ipset/names.js';
import { runIpset } from '../../src/cli/ipset/run.js';
import type { Ipset } from '../../src/ipset/types.js';
import { parseServices } from '../../src/cli/adm/services.js';
import { inProcess } from './in-process.js';
import type { Outcome } from './transcript.js';

/** The lines of a Debian /etc/services that the transcripts rely on. */
const SERVICES = `
ftp-data        20/tcp
ssh             22/tcp
telnet          23/tcp
domain          53/tcp
domain          53/udp
http            80/tcp          www
`;

/** Names that are the same on every machine. */
export const TOOL_NAMES: IpsetNameService = {
  services: () => Promise.resolve(parseServices(SERVICES)),
  address: (host, family) =>
    Promise.resolve(host === 'localhost' ? (family === 'inet' ? '127.0.0.1' : '::1') : undefined),
  host: (address) => Promise.resolve(address === '127.0.0.1' ? 'localhost' : undefined),
};

/** Run a command line in this process, and collect what it prints. */
export function ipset(
  sets: Ipset,
  argv: readonly string[],
  stdin: string | readonly string[] = '',
  names?: IpsetNameService,
): Promise<Outcome> {
  return inProcess(stdin, (io) => runIpset(argv, io, { ipset: sets }, names === undefined ? {} : { names }));
}
