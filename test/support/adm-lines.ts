import fc from 'fast-check';

type Words = readonly string[];

const pick = (...lines: readonly string[]): fc.Arbitrary<Words> =>
  fc.constantFrom(...lines).map((line) => line.split(' '));

/** Few enough that lines meet each other's servers. */
const service = pick(
  '-t 10.0.0.1:80',
  '-t 10.0.0.1:81',
  '-t 10.0.0.1',
  '-u 10.0.0.1:53',
  '-u 10.0.0.2:5060',
  '--sctp-service 10.0.0.1:9',
  '-t [2001:db8::1]:80',
  '-u [2001:db8::1]:53',
  '-f 7',
  '-f 7 -6',
  '-f 2147483647',
);
const server = pick(
  '-r 10.1.0.1:80',
  '-r 10.1.0.1',
  '-r 10.1.0.2:8080',
  '-r 127.0.0.1:80',
  '-r 224.0.0.1:80',
  '-r [2001:db8::7]:80',
  '-r [2001:db8::8]:8080',
  '-r [fe80::1]:80',
);

const serviceOption = fc.oneof(
  pick('-s rr', '-s wrr', '-s wlc', '-s nq', '-s fo', '-s none', '-s nosuch', '-s averyveryverylongname'),
  pick('-s sh -b sh-port', '-b mh-port -s mh', '-s mh -b mh-fallback,mh-port', '-b flag-1,flag-2', '-b flag'),
  // The persistence engine comes with -p only: without, the two differ (test/golden/ipvsadm-differs).
  pick('-p', '-p 60', '-p 2678400', '-p 2678401', '-p 0', '-p 1 --pe sip', '-p 9 --pe nosuch', '-p x'),
  pick('-M 255.255.0.0', '-M 255.0.255.0', '-M 64', '-M 0', '-M 129', '-M nomask', '-o', '-o'),
);
const serverOption = fc.oneof(
  pick('-g', '-m', '-i', '-m -m'),
  pick('-w 0', '-w 5', '-w 2147483647', '-w 2147483648', '-w -1', '-w 07', '-w x'),
  pick('-x 10', '-y 5', '-x 5 -y 10', '-x 2147483647', '-y 65536', '-x -1'),
  pick(
    '-i --tun-type ipip',
    '-i --tun-type gre --tun-csum',
    '-i --tun-type gue --tun-port 6080',
    '-i --tun-type gue --tun-port 6080 --tun-remcsum',
    '--tun-type gue -i',
    '-i --tun-type nosuch',
    '--tun-port 0',
    '--tun-nocsum',
  ),
);
/** Without --nosort: the kernel's own order differs from one namespace to the next, also for ipvsadm. */
const listOption = fc.oneof(
  pick('-n', '-n', '--stats', '--rate', '--exact', '--thresholds', '--persistent-conn', '--tun-info'),
  pick('--sort', '-c', '--timeout', '--daemon', '--syncid 3'),
);
const daemonOption = pick(
  '--mcast-interface eth0',
  '--mcast-interface nosuch',
  '--syncid 5',
  '--syncid 256',
  '--sync-maxlen 1400',
  '--sync-maxlen 0',
  '--mcast-group 224.0.0.99',
  '--mcast-group ff02::99',
  '--mcast-group 10.0.0.1',
  '--mcast-port 9000',
  '--mcast-port 65536',
  '--mcast-ttl 3',
  '--mcast-ttl 0',
);

const some = (option: fc.Arbitrary<Words>, maxLength: number): fc.Arbitrary<Words> =>
  fc.array(option, { maxLength }).map((chosen) => chosen.flat());
const sequence = (...parts: readonly fc.Arbitrary<Words>[]): fc.Arbitrary<Words> =>
  fc.tuple(...parts).map((words) => words.flat());
const maybe = (words: fc.Arbitrary<Words>): fc.Arbitrary<Words> => fc.oneof(fc.constant<Words>([]), words);

const anyOption = fc.oneof(service, server, serviceOption, serverOption, listOption, daemonOption);
const anyCommand = pick('-A', '-E', '-D', '-a', '-e', '-d', '-L', '-Z', '-S', '--set', '-C', '-t', '-q');

/** A command line of ipvsadm: most make sense, many of those are refused by the kernel, some are nonsense. */
export const commandLine: fc.Arbitrary<Words> = fc.oneof(
  { weight: 8, arbitrary: sequence(pick('-A', '-A', '-A', '-E'), service, some(serviceOption, 3)) },
  { weight: 10, arbitrary: sequence(pick('-a', '-a', '-a', '-e'), service, server, some(serverOption, 3)) },
  { weight: 1, arbitrary: sequence(pick('-D'), service) },
  { weight: 2, arbitrary: sequence(pick('-d'), service, server) },
  { weight: 4, arbitrary: sequence(pick('-L', '-l', '-Ln'), maybe(service), some(listOption, 2)) },
  { weight: 2, arbitrary: pick('-Sn', '-S -n', '-Z', '--set 0 0 9', '--set 900 120 300', '--set 1 2', '-C') },
  { weight: 1, arbitrary: sequence(pick('-Z'), service) },
  {
    weight: 1,
    arbitrary: sequence(
      pick('--start-daemon master', '--start-daemon backup', '--start-daemon neither'),
      some(daemonOption, 3),
    ),
  },
  { weight: 1, arbitrary: pick('--stop-daemon master', '--stop-daemon backup', '--stop-daemon') },
  { weight: 2, arbitrary: sequence(anyCommand, some(anyOption, 4)) },
);
