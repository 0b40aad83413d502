// Captures what the classic tools say to the kernel and what it answers, as golden messages for test/seam.
//
//   node test/golden/seam/capture.mjs ipset > test/golden/seam/ipset.json
//   scripts/vm node test/golden/seam/capture.mjs ipvs > test/golden/seam/ipvs.json
//
// Needs root, strace, ip and the tool. Each command runs in a network namespace of its own; sequence numbers and port ids are
// set to zero, since they differ from run to run.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';

const GROUPS = {
  ipset: {
    tool: 'ipset',
    version: ['ipset', 'version'],
    cases: {
      'create hash:ip,port': [[], 'ipset create web hash:ip,port hashsize 4096 maxelem 100000 timeout 60 counters comment skbinfo'],
      'create hash:ip inet6': [[], 'ipset create six hash:ip family inet6 netmask 64 bucketsize 6 initval 0x1234abcd'],
      'create bitmap:port': [[], 'ipset create ports bitmap:port range 30000-32767'],
      'create bitmap:ip': [[], 'ipset create net bitmap:ip range 10.0.0.0/16 netmask 24'],
      'create list:set': [[], 'ipset create all list:set size 16'],
      'create exist': [['ipset create web hash:net'], 'ipset -exist create web hash:net'],
      destroy: [['ipset create web hash:ip'], 'ipset destroy web'],
      flush: [['ipset create web hash:ip'], 'ipset flush web'],
      rename: [['ipset create web hash:ip'], 'ipset rename web shop'],
      swap: [['ipset create web hash:ip', 'ipset create shop hash:ip'], 'ipset swap web shop'],
      'add hash:ip,port': [
        ['ipset create web hash:ip,port timeout 60 counters comment skbinfo'],
        'ipset add web 10.0.0.1,tcp:80 timeout 30 packets 5 bytes 1234567890123 comment hello skbmark 0x1/0xff skbprio 1:2 skbqueue 3',
      ],
      'add hash:ip,port inet6': [['ipset create web hash:ip,port family inet6'], 'ipset add web 2001:db8::1,udp:53'],
      'add hash:ip,port,ip': [['ipset create web hash:ip,port,ip'], 'ipset add web 10.0.0.1,tcp:80,10.0.0.2'],
      'add hash:ip,port,net': [['ipset create web hash:ip,port,net'], 'ipset add web 10.0.0.1,tcp:80,192.168.0.0/16 nomatch'],
      'add hash:net': [['ipset create web hash:net'], 'ipset -exist add web 10.1.0.0/16'],
      'add hash:net range': [['ipset create web hash:net'], 'ipset add web 10.1.0.0-10.1.2.255'],
      'add hash:net,iface': [['ipset create web hash:net,iface'], 'ipset add web 10.1.0.0/16,physdev:eth0'],
      'add bitmap:port range': [['ipset create web bitmap:port range 0-100'], 'ipset add web 10-20'],
      'add bitmap:ip,mac': [['ipset create web bitmap:ip,mac range 10.0.0.0/24'], 'ipset add web 10.0.0.1,00:11:22:aa:bb:cc'],
      'add list:set': [
        ['ipset create a hash:ip', 'ipset create b hash:ip', 'ipset create web list:set', 'ipset add web a'],
        'ipset add web b before a',
      ],
      del: [['ipset create web hash:ip', 'ipset add web 10.0.0.1'], 'ipset del web 10.0.0.1'],
      test: [['ipset create web hash:ip', 'ipset add web 10.0.0.1'], 'ipset test web 10.0.0.1'],
      'list hash:ip,port': [
        [
          'ipset create web hash:ip,port timeout 60 counters comment skbinfo hashsize 64 initval 0x01020304',
          'ipset add web 10.0.0.1,tcp:80 timeout 0 packets 5 bytes 1234567890123 comment hello skbmark 0x1/0xff skbprio 1:2 skbqueue 3',
        ],
        'ipset list web',
      ],
      'list names': [['ipset create a hash:ip', 'ipset create b hash:net'], 'ipset list -n'],
      'list headers': [['ipset create a bitmap:port range 1-9', 'ipset create b bitmap:ip range 10.0.0.0/30'], 'ipset list -t'],
    },
  },
  ipvs: {
    tool: 'ipvsadm',
    version: ['ipvsadm', '--version'],
    cases: {
      'add service': [[], 'ipvsadm -A -t 10.0.0.1:80 -s rr'],
      'add persistent service': [[], 'ipvsadm -A -u 10.0.0.1:53 -s sh -p 360 -M 255.255.255.0 -b sh-fallback,sh-port'],
      'add service inet6': [[], 'ipvsadm -A -t [2001:db8::1]:443 -s wlc -p 60 -M 64'],
      'add fwmark service': [[], 'ipvsadm -A -f 7 -6 -s wrr -o'],
      'edit service': [['ipvsadm -A -t 10.0.0.1:80 -s rr'], 'ipvsadm -E -t 10.0.0.1:80 -s wrr'],
      'delete service': [['ipvsadm -A -t 10.0.0.1:80 -s rr'], 'ipvsadm -D -t 10.0.0.1:80'],
      'add destination': [
        ['ipvsadm -A -t 10.0.0.1:80 -s rr'],
        'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.2:8080 -m -w 50 -x 100 -y 10',
      ],
      'add tunnel destination': [
        ['ipvsadm -A -t 10.0.0.1:80 -s rr'],
        'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.2:80 -i --tun-type gue --tun-port 6080 --tun-csum',
      ],
      'edit destination': [
        ['ipvsadm -A -t 10.0.0.1:80 -s rr', 'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.2:80 -g'],
        'ipvsadm -e -t 10.0.0.1:80 -r 127.0.0.2:80 -g -w 0',
      ],
      'delete destination': [
        ['ipvsadm -A -t 10.0.0.1:80 -s rr', 'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.2:80 -g'],
        'ipvsadm -d -t 10.0.0.1:80 -r 127.0.0.2:80',
      ],
      'start daemon': [[], 'ipvsadm --start-daemon master --mcast-interface lo --syncid 7'],
      'set timeouts': [[], 'ipvsadm --set 901 121 301'],
      zero: [['ipvsadm -A -t 10.0.0.1:80 -s rr'], 'ipvsadm -Z -t 10.0.0.1:80'],
      flush: [[], 'ipvsadm -C'],
      list: [
        [
          'ipvsadm -A -t 10.0.0.1:80 -s rr -p 360 -M 255.255.255.0',
          'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.2:8080 -m -w 50 -x 100 -y 10',
          'ipvsadm -a -t 10.0.0.1:80 -r 127.0.0.3:80 -i --tun-type gue --tun-port 6080 --tun-csum',
          'ipvsadm -A -f 7 -6 -s sh -b sh-port',
        ],
        'ipvsadm -Ln',
      ],
      'list daemon': [['ipvsadm --start-daemon master --mcast-interface lo --syncid 7'], 'ipvsadm -L --daemon'],
      'list timeouts': [[], 'ipvsadm -L --timeout'],
    },
  },
};

const scratch = mkdtempSync(join(tmpdir(), 'capture-'));
const netns = `capture-${process.pid}`;

function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Messages by direction out of strace's hex dumps. */
function messagesOf(trace) {
  const out = { sent: [], received: [] };
  let current = null;
  for (const line of trace.split('\n')) {
    const call = /^(?:\d+ +)?(sendto|sendmsg|recvmsg|recvfrom)\(/.exec(line)?.[1];
    if (call !== undefined) {
      const fits = line.includes('AF_NETLINK') && !/= -1 /.test(line) && !line.includes('MSG_PEEK');
      current = fits ? { hex: '', list: call.startsWith('send') ? out.sent : out.received } : null;
      if (current) current.list.push(current);
      continue;
    }
    const dump = /^ \| [0-9a-f]{5,} {2}(.{49})/.exec(line)?.[1];
    if (dump !== undefined && current) current.hex += dump.replaceAll(' ', '');
  }
  return { sent: out.sent.map((m) => anonymous(m.hex)), received: out.received.map((m) => anonymous(m.hex)) };
}

/** Zero the sequence numbers and port ids of a datagram, and what NLMSG_ERROR echoes of them. */
function anonymous(hex) {
  const bytes = Buffer.from(hex, 'hex');
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < 16 || at + length > bytes.length) break;
    bytes.fill(0, at + 8, at + 16);
    if (bytes.readUInt16LE(at + 4) === 2) bytes.fill(0, at + 28, at + 36);
    at += (length + 3) & ~3;
  }
  return bytes.toString('hex');
}

function capture([setup, command]) {
  ip('netns', 'add', netns);
  try {
    ip('-n', netns, 'link', 'set', 'lo', 'up');
    for (const line of setup) ip('netns', 'exec', netns, ...line.split(' '));
    const file = join(scratch, 'trace');
    const options = ['-f', '-o', file, '-e', 'trace=sendto,sendmsg,recvmsg,recvfrom', '-e', 'read=all', '-e', 'write=all'];
    ip('netns', 'exec', netns, 'strace', ...options, ...command.split(' '));
    return { setup, command, ...messagesOf(readFileSync(file, 'utf8')) };
  } finally {
    ip('netns', 'del', netns);
  }
}

const group = GROUPS[process.argv[2]];
if (!group) {
  console.error(`usage: capture.mjs ${Object.keys(GROUPS).join('|')}`);
  process.exit(2);
}
try {
  const version = execFileSync(group.version[0], group.version.slice(1), { encoding: 'utf8' }).split('\n')[0];
  const cases = Object.fromEntries(Object.entries(group.cases).map(([name, item]) => [name, capture(item)]));
  console.log(JSON.stringify({ kernel: release().replace(/-.*/, ''), tool: version, cases }, null, 1));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
