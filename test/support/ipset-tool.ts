import { Readable } from 'node:stream';
import type { IpsetNameService } from '../../src/cli/ipset/names.js';
import { runIpset } from '../../src/cli/ipset/run.js';
import type { Ipset } from '../../src/ipset/types.js';
import { parseServices } from '../../src/cli/adm/services.js';
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
export async function ipset(
  sets: Ipset,
  argv: readonly string[],
  stdin: string | readonly string[] = '',
  names?: IpsetNameService,
): Promise<Outcome> {
  const texts = { stdout: '', stderr: '' };
  const output = (name: keyof typeof texts) => ({
    write: (text: string) => {
      texts[name] += text;
      return true;
    },
    once: () => undefined,
  });
  const io = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: Readable.from(typeof stdin === 'string' ? [stdin] : stdin),
  };
  const code = await runIpset(argv, io, { ipset: sets }, names === undefined ? {} : { names });
  return { ...texts, code };
}
