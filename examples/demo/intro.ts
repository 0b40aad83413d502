import { bold, say, table, title } from './output.js';

/** Say what IPVS is and who takes part, for somebody who has seen neither IPVS nor kube-proxy. */
export function introduce(): void {
  title('What this shows');
  say(
    'Kubernetes gives a group of pods one stable address, a Service. Something on every node has to turn a',
    'packet for that address into a packet for one of the pods. In the IPVS mode of kube-proxy the Linux',
    "kernel's own load balancer does that, and this package programs it. The words:",
    '',
  );
  table([
    ['word', 'meaning'],
    ['virtual server', 'address and port of a Service: what clients connect to'],
    ['real server', 'a pod behind it: who answers'],
    ['scheduler', 'who gets the next connection; rr (round robin): one after the other'],
    ['kube-ipvs0', 'a network interface without a wire that owns the addresses of all Services'],
    ['set (ipset)', 'a table of addresses in the kernel; one firewall rule can ask "is it in there?"'],
    [
      'KUBE-… chains',
      'the few firewall rules that ask the sets; their number does not grow with the Services',
    ],
    ['masquerade', 'give a packet an address of the node as source, so that the reply comes back through it'],
  ]);

  title('The machines');
  say(
    'Each is a network namespace of this kernel with its own addresses, routes and firewall, and a real process',
    'inside. The pods run HTTP servers (port 8080) and answer UDP (port 5353); everybody sends real packets.',
    '',
    '                 ┌─ the cluster ────────────────────────────────────────────────────────────┐',
    '  office         │  node-a                              pods of node-a                      │',
    '  192.0.2.100 ─┐ │  192.0.2.11 ────────────────────┬──  web-1    10.244.1.11   serves       │',
    '               ├─┼─ IPVS is programmed here        ├──  web-2    10.244.1.12   serves       │',
    '  cafe         │ │                                 └──  toolbox  10.244.1.100  only asks    │',
    '  192.0.2.200 ─┘ │                                                                          │',
    '                 │  node-b                              pods of node-b                      │',
    '                 │  192.0.2.12 ───────────────────────  web-3    10.244.2.13   serves       │',
    '                 └──────────────────────────────────────────────────────────────────────────┘',
    '',
    'The office and the cafe are outside. Their network sends 198.51.100.0/24 (external addresses) to node-a.',
  );

  title('The Services (examples/cluster.yaml)');
  table([
    ['Service', 'reached at', 'particular'],
    ['web', '10.96.0.10:80, [fd00:10:96::10]:80', 'inside the cluster, IPv4 and IPv6'],
    ['cart', '10.96.0.50:80', 'session affinity'],
    ['dns', '10.96.0.53:53', 'UDP'],
    ['web-nodeport', 'port 30080 of the node', 'any pod answers'],
    ['web-nodeport-local', 'port 30081 of the node', 'pods of this node only (policy Local)'],
    ['web-external', '198.51.100.10:80', 'an external IP'],
    ['web-lb', '198.51.100.20:80', 'behind a load balancer, for the office only'],
    ['web-headless', '(no address)', 'nothing to program'],
  ]);
  say('', `All lead to the same three pods: ${bold('web-1, web-2 and web-3')}.`);
}
