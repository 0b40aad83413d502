import type { DesiredSysctl } from '../plan/types.js';
import type { ProxyConfig } from './config.js';

/**
 * Kernel settings that services need. `conn_reuse_mode` is left alone: from Linux 5.9 on its default no longer delays
 * connections that reuse a port (net/netfilter/ipvs/ip_vs_core.c).
 */
export function kubeSysctls({ strictARP }: Pick<ProxyConfig, 'strictARP'>): DesiredSysctl[] {
  return [
    // Masquerading of balanced connections goes through connection tracking.
    { name: 'net/ipv4/vs/conntrack', value: '1' },
    // Packets of a connection whose real server is gone end the connection instead of vanishing.
    { name: 'net/ipv4/vs/expire_nodest_conn', value: '1' },
    // Persistent clients leave a real server whose weight is 0.
    { name: 'net/ipv4/vs/expire_quiescent_template', value: '1' },
    { name: 'net/ipv4/ip_forward', value: '1' },
    ...(strictARP
      ? [
          { name: 'net/ipv4/conf/all/arp_ignore', value: '1' },
          { name: 'net/ipv4/conf/all/arp_announce', value: '2' },
        ]
      : []),
  ];
}
