/** What `-v` prints. Programs look at the first two words. */
export const VERSION = 'ipvsadm v1.31 (spoken by ipvs adm)\n';

/** What `-h` prints: our own words for the switches of ipvsadm 1.31. */
export function helpText(): string {
  return VERSION + SWITCHES;
}

const SWITCHES = `
Usage: ipvs adm COMMAND [OPTION...]       (without arguments: -L)

Virtual servers; SERVICE is -t HOST[:PORT], -u HOST[:PORT], --sctp-service HOST[:PORT] or -f MARK [-6]
  -A, --add-service SERVICE       add
  -E, --edit-service SERVICE      replace the settings
  -D, --delete-service SERVICE    remove, with the real servers
  -Z, --zero [SERVICE]            set the counters to zero, of all without SERVICE
  -C, --clear                     remove all
    -t, --tcp-service, -u, --udp-service, --sctp-service, -f, --fwmark-service
    -6, --ipv6                    behind -f: the mark of IPv6 packets
    -s, --scheduler NAME          rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh ... [wlc]
    -b, --sched-flags FLAG,...    sh-port, sh-fallback, mh-port, mh-fallback, flag-1, flag-2, flag-3
    -p, --persistent [SECONDS]    keep clients at their real server [360]
    -M, --netmask MASK            ... by network: a mask, for IPv6 a prefix length
        --pe NAME                 ... by engine: sip
    -o, --ops                     schedule each UDP packet by itself

Real servers; -r, --real-server names them
  -a, --add-server SERVICE -r HOST[:PORT]      add
  -e, --edit-server SERVICE -r HOST[:PORT]     replace the settings
  -d, --delete-server SERVICE -r HOST[:PORT]   remove
    -g, --gatewaying              direct routing (default)
    -m, --masquerading            network address translation
    -i, --ipip                    tunnel
        --tun-type TYPE           ipip, gue or gre [ipip]
        --tun-port PORT           of gue
        --tun-nocsum, --tun-csum, --tun-remcsum
    -w, --weight N                [1]
    -x, --u-threshold N           connections that are too many; 0 is no limit
    -y, --l-threshold N           connections that are few enough again

Looking
  -L, -l, --list [SERVICE]
    -n, --numeric                 no names
        --stats, --rate           counters in place of settings
        --exact                   ... not abbreviated
        --thresholds, --persistent-conn, --tun-info
        --nosort                  in the order of the kernel (--sort does nothing)
    -c, --connection              the connection table
        --timeout, --daemon       timeouts, sync daemons
  -S, --save [-n]                 as commands for -R
  -R, --restore                   run the commands on standard input

Timeouts and sync daemons
      --set TCP TCPFIN UDP        in seconds; 0 leaves it
      --start-daemon master|backup
        --mcast-interface NAME    [eth0]
        --syncid N, --sync-maxlen N, --mcast-group ADDRESS, --mcast-port PORT, --mcast-ttl N
      --stop-daemon master|backup

  -h, --help    -v, --version
`;
