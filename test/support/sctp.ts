import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { run } from './netns.js';

/**
 * SCTP, of which Node has no sockets. Perl has, and is part of every Debian system. One process serves all addresses of a namespace, or asks
 * all targets, since starting one is slow in an emulated machine.
 */

/** Both families by hand, since Socket's helpers are for one each. */
const COMMON = `
  use strict; use warnings; use Socket qw(:DEFAULT inet_pton inet_ntop AF_INET6 pack_sockaddr_in6 unpack_sockaddr_in6);
  sub family { $_[0] =~ /:/ ? AF_INET6 : AF_INET }
  sub name_of { my ($a, $p) = @_; my $n = inet_pton(family($a), $a); family($a) == AF_INET6 ? pack_sockaddr_in6($p, $n) : pack_sockaddr_in($p, $n) }
  sub opened { my ($a, $p) = @_; socket(my $s, family($a), SOCK_STREAM, 132) or die "socket: $!"; bind($s, name_of($a, $p)) or die "bind $a: $!"; $s }
`;

/** Says who it is and who asked, and hangs up. */
const SERVER = `${COMMON}
  $| = 1; my ($who, $port, @addresses) = @ARGV; my $read = ''; my @servers;
  for (@addresses) { my $s = opened($_, $port); listen($s, 16) or die "listen: $!"; vec($read, fileno($s), 1) = 1; push @servers, $s }
  print "ready\\n";
  while (select(my $ready = $read, undef, undef, undef)) {
    for my $s (@servers) {
      next unless vec($ready, fileno($s), 1);
      my $peer = accept(my $c, $s) or next;
      my ($p, $a) = length($peer) > 16 ? unpack_sockaddr_in6($peer) : unpack_sockaddr_in($peer);
      syswrite($c, "$who " . inet_ntop(length($peer) > 16 ? AF_INET6 : AF_INET, $a)); close($c);
    }
  }
`;

/** FROM, ADDRESS, PORT, SECONDS of each association; all at the same time, each line begun by its number. */
const CLIENT = `${COMMON}
  my $n = 0; my @children;
  while (my ($from, $address, $port, $seconds) = splice(@ARGV, 0, 4)) {
    my $i = $n++; my $child = fork(); die "fork: $!" unless defined $child;
    if ($child) { push @children, $child; next }
    local $SIG{ALRM} = sub { syswrite(STDOUT, "$i ETIMEDOUT\\n"); exit };
    alarm($seconds); my $s = opened($from, 0);
    unless (connect($s, name_of($address, $port))) { my ($code) = grep { $!{$_} } keys %!; syswrite(STDOUT, "$i $code\\n"); exit }
    sysread($s, my $text, 200); syswrite(STDOUT, "$i $text\\n"); exit;
  }
  waitpid($_, 0) for @children;
`;

/** A server that runs. */
export interface SctpServer {
  stop(): Promise<void>;
}

/** Answer associations at a port of these addresses, each with `name` and the client's address. */
export async function serveSctp(
  netns: string,
  name: string,
  port: number,
  addresses: readonly string[],
): Promise<SctpServer> {
  const argv = [`--net=${netns}`, '--', 'perl', '-e', SERVER, name, String(port), ...addresses];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const [reason] = (await Promise.race([once(child.stdout, 'data'), closed])) as [unknown];
  if (child.exitCode !== null) throw new Error(`${name}: the SCTP server ended with ${String(reason)}`);
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** One association to ask for. */
export interface SctpTarget {
  /** Source address. */
  readonly from: string;
  readonly address: string;
  readonly port: number;
  /** Until it counts as unanswered. */
  readonly seconds: number;
}

/** What each association was answered: `NAME CLIENT-ADDRESS`, or the error code. */
export async function askSctp(netns: string, targets: readonly SctpTarget[]): Promise<readonly string[]> {
  const words = targets.flatMap(({ from, address, port, seconds }) => [
    from,
    address,
    String(port),
    String(seconds),
  ]);
  const { stdout } = await run(netns, ['perl', '-MErrno', '-e', CLIENT, ...words]);
  const answers = new Map(stdout.split('\n').map((line) => [line.split(' ')[0], line.replace(/^\d+ /, '')]));
  return targets.map((_, i) => answers.get(String(i)) ?? 'nothing');
}
