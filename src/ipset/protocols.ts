/**
 * Protocol names as `ipset save` prints them. The tool asks getprotobynumber(3), that is, /etc/protocols of the machine; the table
 * here is the one of Debian and Ubuntu (package netbase), so the text does not depend on the machine. Numbers from the IANA registry.
 */
const NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  3: 'ggp',
  4: 'ipencap',
  5: 'st',
  6: 'tcp',
  8: 'egp',
  9: 'igp',
  12: 'pup',
  17: 'udp',
  20: 'hmp',
  22: 'xns-idp',
  27: 'rdp',
  29: 'iso-tp4',
  33: 'dccp',
  36: 'xtp',
  37: 'ddp',
  38: 'idpr-cmtp',
  41: 'ipv6',
  43: 'ipv6-route',
  44: 'ipv6-frag',
  45: 'idrp',
  46: 'rsvp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  57: 'skip',
  58: 'ipv6-icmp',
  59: 'ipv6-nonxt',
  60: 'ipv6-opts',
  73: 'rspf',
  81: 'vmtp',
  88: 'eigrp',
  89: 'ospf',
  93: 'ax.25',
  94: 'ipip',
  97: 'etherip',
  98: 'encap',
  103: 'pim',
  108: 'ipcomp',
  112: 'vrrp',
  115: 'l2tp',
  124: 'isis',
  132: 'sctp',
  133: 'fc',
  135: 'mobility-header',
  136: 'udplite',
  137: 'mpls-in-ip',
  138: 'manet',
  139: 'hip',
  140: 'shim6',
  141: 'wesp',
  142: 'rohc',
  143: 'ethernet',
};

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(NAMES).map(([number, name]): [string, number] => [name, Number(number)]),
  ['icmpv6', 58],
]);

export const TCP = 6;
export const UDP = 17;
export const SCTP = 132;
export const UDPLITE = 136;
export const ICMP = 1;
export const ICMPV6 = 58;

/** Name or decimal number of a protocol, in any case; undefined when unknown. Zero is not a protocol that ip_set stores. */
export function protocolNumber(text: string): number | undefined {
  if (/^[1-9]\d{0,2}$/.test(text)) {
    const number = Number(text);
    return number <= 255 ? number : undefined;
  }
  return NUMBERS.get(text.toLowerCase());
}

/** The name that `ipset save` prints, or the number as text. */
export function protocolText(number: number): string {
  return NAMES[number] ?? String(number);
}

/** The protocols whose ports ip_set stores (ip_set_proto_with_ports in the kernel); the others have port 0. */
export function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP || protocol === SCTP || protocol === UDPLITE;
}

/** Where the port of an entry holds an ICMP type and code (type × 256 + code): ICMP in inet, ICMPv6 in inet6 sets. */
export function hasIcmpType(protocol: number, ipv6: boolean): boolean {
  return protocol === (ipv6 ? ICMPV6 : ICMP);
}
