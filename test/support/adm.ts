import type { NameService } from '../../src/cli/adm/names.js';
import { runAdm } from '../../src/cli/adm/run.js';
import { parseServices } from '../../src/cli/adm/services.js';
import type { Ipvs } from '../../src/ipvs/types.js';
import { inProcess } from './in-process.js';
import type { Outcome } from './transcript.js';

/** The lines of a Debian /etc/services that the goldens rely on. */
const SERVICES = `
ftp             21/tcp
ssh             22/tcp                          # SSH Remote Login Protocol
domain          53/tcp                          # Domain Name Server
domain          53/udp
http            80/tcp          www             # WorldWideWeb HTTP
shell           514/tcp         cmd syslog      # no passwords used
syslog          514/udp
imaps           993/tcp
sip             5060/tcp
sip             5060/udp
http-alt        8080/tcp        webcache
`;

/** Names that are the same on every machine. */
export function fixedNames(hosts: Readonly<Record<string, string>> = {}): NameService {
  return {
    services: () => Promise.resolve(parseServices(SERVICES)),
    address: (host) => Promise.resolve(hosts[host]?.includes(':') === true ? undefined : hosts[host]),
    host: (address) =>
      Promise.resolve(Object.entries(hosts).find(([, candidate]) => candidate === address)?.[0]),
  };
}

/** Run a command line in this process, and collect what it prints. */
export function adm(
  ipvs: Ipvs,
  argv: readonly string[],
  stdin: string | readonly string[] = '',
  names?: NameService,
): Promise<Outcome> {
  return inProcess(stdin, (io) => runAdm(argv, io, { ipvs }, names === undefined ? {} : { names }));
}
