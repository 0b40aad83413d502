import { describe, expect, it } from 'vitest';
import { readKubeProxyConfiguration } from '../../../src/proxy/index.js';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const read = (text: string, head = HEAD) =>
  readKubeProxyConfiguration({ file: 'kp.yaml', text: head + text });

describe('a KubeProxyConfiguration', () => {
  it('gives every field that matters to IPVS', () => {
    const { config, nodeName, run, unused } = read(`
mode: ipvs
hostnameOverride: node-a
clusterCIDR: 10.244.0.0/16, fd00:10:244::/56
detectLocalMode: BridgeInterface
detectLocal: { bridgeInterface: cni0, interfaceNamePrefix: veth }
nodePortAddresses: [192.0.2.0/24]
iptables: { masqueradeAll: true, masqueradeBit: 7, syncPeriod: 30s }
ipvs:
  scheduler: wlc
  strictARP: true
  excludeCIDRs: [203.0.113.0/24]
  tcpTimeout: 15m
  tcpFinTimeout: 30s
  udpTimeout: 0s
  syncPeriod: 10s
  minSyncPeriod: 500ms
conntrack: { maxPerCore: 1 }
clientConnection: { kubeconfig: /etc/kubeconfig, qps: 5 }
healthzBindAddress: 127.0.0.1
metricsBindAddress: 0.0.0.0:10249
`);
    expect(config).toEqual({
      clusterCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
      detectLocalMode: 'BridgeInterface',
      bridgeInterface: 'cni0',
      interfaceNamePrefix: 'veth',
      nodePortAddresses: ['192.0.2.0/24'],
      masqueradeAll: true,
      masqueradeBit: 7,
      scheduler: 'wlc',
      strictARP: true,
      excludeCIDRs: ['203.0.113.0/24'],
      timeouts: { tcp: 900, tcpFin: 30, udp: 0 },
    });
    expect(run).toEqual({
      syncPeriod: 10_000,
      minSyncPeriod: 500,
      kubeconfig: '/etc/kubeconfig',
      healthzBindAddress: '127.0.0.1',
      metricsBindAddress: '0.0.0.0:10249',
    });
    expect({ nodeName, unused }).toEqual({ nodeName: 'node-a', unused: ['conntrack'] });
  });

  it('leaves to defaults what is empty, null or absent, as the one that kubeadm writes', () => {
    const text = `
bindAddress: 0.0.0.0
clientConnection: { kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, burst: 0 }
clusterCIDR: ""
configSyncPeriod: 0s
conntrack: { maxPerCore: null, min: null }
detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" }
detectLocalMode: ""
enableProfiling: false
hostnameOverride: ""
iptables: { localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s }
ipvs: { excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s }
mode: ""
nodePortAddresses: null
winkernel: { enableDSR: false }
`;
    expect(read(text)).toMatchObject({
      config: { masqueradeAll: false, strictARP: false },
      run: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf' },
    });
  });

  it('names the node and its own address, as kube-proxy reads them', () => {
    expect(read('hostnameOverride: " NODE-A "\nbindAddress: 2001:DB8::0:1\n')).toMatchObject({
      nodeName: 'node-a',
      bindAddress: '2001:db8::1',
    });
    for (const nothing of ['""', '0.0.0.0', '"::"', 'null'])
      expect(read(`bindAddress: ${nothing}\n`)).not.toHaveProperty('bindAddress');
  });

  it('is found among the documents of kubeadm, and read from JSON', () => {
    const others = `kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\n---\n${HEAD}ipvs: { scheduler: sh }\n`;
    expect(read(others, '').config).toEqual({ scheduler: 'sh' });
    const json = JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      iptables: { masqueradeBit: 5 },
    });
    expect(read(json, '').config).toEqual({ masqueradeBit: 5 });
  });

  it.each([
    ['another mode', 'mode: iptables\n', /^kp\.yaml:3: mode: expected ipvs, or nothing, received "iptables"/],
    ['a misspelt field', 'ipvs:\n  sheduler: rr\n', /^kp\.yaml:4: ipvs\.sheduler: expected no such field/],
    ['a field of no section', 'ipvsScheduler: rr\n', /ipvsScheduler: expected no such field/],
    ['a wrong type', 'ipvs: { strictARP: "yes" }\n', /ipvs\.strictARP: expected true or false/],
    ['blanks for a name', 'hostnameOverride: " "\n', /^kp\.yaml:3: hostnameOverride: expected the name of a/],
    ['an address that is none', 'bindAddress: here\n', /^kp\.yaml:3: bindAddress: expected an IPv4 or IPv6/],
    [
      'a shortest period over the longest',
      'ipvs: { minSyncPeriod: 31s }\n',
      /ipvs\.minSyncPeriod: expected no more than ipvs\.syncPeriod/,
    ],
    ['a negative duration', 'ipvs: { tcpTimeout: -1s }\n', /ipvs\.tcpTimeout: expected a duration/],
    ['a list that is none', 'nodePortAddresses: primary\n', /nodePortAddresses: expected a list/],
    [
      'an unknown mode of detection',
      'detectLocalMode: Guess\n',
      /detectLocalMode: expected one of ClusterCIDR/,
    ],
  ])('is refused with file, line and field: %s', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it.each([
    ['broken YAML', 'kind: [', /^kp\.yaml:1: expected YAML or JSON/],
    ['another kind', 'kind: KubeletConfiguration\n', /one document of kind KubeProxyConfiguration.*Kubelet/],
    ['another version', 'kind: KubeProxyConfiguration\napiVersion: v1\n', /apiVersion: expected kubeproxy/],
    ['nothing', '', /one document of kind KubeProxyConfiguration/],
    ['a bare word', 'ipvs', /one document of kind/],
    ['two of them', `${HEAD}---\n${HEAD}`, /one document of kind/],
    ['an alias to nothing', `${HEAD}ipvs: *nowhere\n`, /YAML or JSON/],
  ])('is refused: %s', (_, text, message) => {
    expect(() => read(text, '')).toThrow(message);
  });
});
