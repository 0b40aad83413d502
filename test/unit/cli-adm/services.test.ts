import { expect, it } from 'vitest';
import { parseServices } from '../../../src/cli/adm/services.js';

const services = parseServices(`
# comment
http\t80/tcp\twww web # World Wide Web
http-other 80/tcp
shell 514/tcp cmd syslog
syslog 514/udp
broken
also-broken tcp/80
`);

it('finds ports by name and alias, of the protocol asked for', () => {
  expect(services.port('http', 'tcp')).toBe(80);
  expect(services.port('www', 'tcp')).toBe(80);
  expect(services.port('http', 'udp')).toBeUndefined();
  expect(services.port('syslog', 'udp')).toBe(514);
  expect(services.port('syslog', 'tcp')).toBe(514);
  expect(services.port('broken', 'tcp')).toBeUndefined();
});

it('names a port by the first line that has it', () => {
  expect(services.name(80, 'tcp')).toBe('http');
  expect(services.name(514, 'tcp')).toBe('shell');
  expect(services.name(514, 'sctp')).toBeUndefined();
});
