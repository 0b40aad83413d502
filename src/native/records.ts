/**
 * Offsets of the fixed-layout records that cross to C++. Twin of native/seam/records.h; test/seam compares the two.
 *
 * Rules: native endian, strides that are multiples of 8; addresses in network order (IPv4 in the first four bytes), ports in
 * host order; short bounded strings inline and NUL-padded, others as (offset, length) into the heap beside the records.
 */

/** Which parts of an IpvsOp are filled in. */
export const IpvsParts = {
  /** family and (fwmark or protocol, address, port) */
  serviceIdentity: 0x1,
  /** scheduler, flags, timeout, netmask */
  serviceAttributes: 0x2,
  /** engine */
  serviceEngine: 0x4,
  /** destFamily, destAddress, destPort */
  destIdentity: 0x8,
  /** forwarding, weight, thresholds, tunnel */
  destAttributes: 0x10,
  /** tcpTimeout, tcpFinTimeout, udpTimeout */
  config: 0x20,
  /** daemon* */
  daemon: 0x40,
  /** dump of services: each with its destinations */
  withDestinations: 0x80,
} as const;

/** Which daemon attributes of an IpvsOp or IpvsDaemon are filled in. */
export const DaemonParts = {
  daemonMaxLen: 0x1,
  daemonGroup4: 0x2,
  daemonGroup6: 0x4,
  daemonPort: 0x8,
  daemonTtl: 0x10,
} as const;

/** One request of the IPVS family: `command` is the IPVS_CMD_* number of linux/ip_vs.h. */
export const IpvsOp = {
  size: 192,
  command: 0,
  /** AF of the service */
  family: 4,
  protocol: 6,
  fwmark: 8,
  port: 12,
  /** 1: identity is (family, fwmark) */
  byFwmark: 14,
  /** IpvsParts */
  parts: 15,
  address: 16,
  flags: 32,
  flagsMask: 36,
  /** seconds */
  timeout: 40,
  /** IPv4: mask in network order; IPv6: prefix length, native u32 */
  netmask: 44,
  scheduler: 48,
  engine: 64,
  destFamily: 88,
  destPort: 90,
  forwarding: 92,
  destAddress: 96,
  weight: 112,
  upperThreshold: 116,
  lowerThreshold: 120,
  tunnelType: 124,
  tunnelPort: 126,
  tunnelFlags: 128,
  tcpTimeout: 132,
  tcpFinTimeout: 136,
  udpTimeout: 140,
  daemonState: 144,
  daemonSyncId: 148,
  daemonInterface: 152,
  daemonGroup: 168,
  daemonMaxLen: 184,
  daemonPort: 186,
  daemonTtl: 188,
  daemonParts: 189,
  /** dump of services with their destinations: 1: these without counters and tunnels, from the fastest interface that has them */
  quick: 190,
} as const;

/** Counters and rates, as in IPVS_SVC_ATTR_STATS64 / IPVS_DEST_ATTR_STATS64 (or the 32-bit nest where that is all there is). */
export const IpvsStats = {
  size: 80,
  connections: 0,
  packetsIn: 8,
  packetsOut: 16,
  bytesIn: 24,
  bytesOut: 32,
  connectionsPerSecond: 40,
  packetsInPerSecond: 48,
  packetsOutPerSecond: 56,
  bytesInPerSecond: 64,
  bytesOutPerSecond: 72,
} as const;

/** A service as the kernel reports it. */
export const IpvsService = {
  size: 168,
  /** index of the request that it answers; 0 in a dump */
  op: 0,
  family: 4,
  protocol: 6,
  fwmark: 8,
  port: 12,
  byFwmark: 14,
  /** 1: stats come from the 64-bit nest */
  stats64: 15,
  address: 16,
  flags: 32,
  timeout: 36,
  netmask: 40,
  scheduler: 48,
  engine: 64,
  stats: 88,
} as const;

/** A destination as the kernel reports it. */
export const IpvsDest = {
  size: 144,
  /** dump of everything: index of its service in the same reply; dump of one service: 0 */
  service: 0,
  family: 4,
  port: 6,
  address: 8,
  forwarding: 24,
  weight: 28,
  upperThreshold: 32,
  lowerThreshold: 36,
  activeConnections: 40,
  inactiveConnections: 44,
  persistentConnections: 48,
  tunnelPort: 52,
  tunnelFlags: 54,
  tunnelType: 56,
  stats64: 57,
  stats: 64,
} as const;

/** Answer to GET_CONFIG and GET_INFO. */
export const IpvsConfig = {
  size: 24,
  op: 0,
  tcpTimeout: 4,
  tcpFinTimeout: 8,
  udpTimeout: 12,
  version: 16,
  connectionTableSize: 20,
} as const;

/** A sync daemon as the kernel reports it. */
export const IpvsDaemon = {
  size: 48,
  state: 0,
  syncId: 4,
  interface: 8,
  group: 24,
  maxLen: 40,
  port: 42,
  ttl: 44,
  /** DaemonParts */
  parts: 45,
} as const;

/** Which create options of a SetCommand or SetHeader are filled in. */
export const SetOptions = {
  setHashSize: 0x1,
  setMaxElem: 0x2,
  setTimeout: 0x4,
  setCadtFlags: 0x8,
  setInitVal: 0x10,
  setMarkMask: 0x20,
  setSize: 0x40,
  setPort: 0x80,
  setPortTo: 0x100,
  setNetmask: 0x200,
  setBucketSize: 0x400,
  setCidr: 0x800,
  setIp: 0x1000,
  setIpTo: 0x2000,
  setBitmask: 0x4000,
  /** header only */
  setReferences: 0x8000,
  /** header only */
  setMemSize: 0x10000,
  /** header only */
  setElements: 0x20000,
  /** header only */
  setIndex: 0x40000,
  /** family is meaningful (header), to be sent (command) */
  setFamily: 0x80000,
  setRevision: 0x100000,
  /** answer to TYPE */
  setRevisionMin: 0x200000,
  /** answer to PROTOCOL */
  setProtocol: 0x400000,
  setProtocolMin: 0x800000,
} as const;

/** One request of the ipset subsystem that carries no elements: `command` is the IPSET_CMD_* number. */
export const SetCommand = {
  size: 168,
  command: 0,
  /** 1: without NLM_F_EXCL, what the ipset tool calls -exist */
  exist: 4,
  family: 5,
  revision: 6,
  /** protocol version to put into the message: 6 or 7 */
  protocol: 7,
  /** empty: all sets, where the command allows it */
  name: 8,
  /** type name (CREATE, TYPE) or the other set (RENAME, SWAP) */
  name2: 40,
  listFlags: 72,
  index: 76,
  /** SetOptions */
  options: 80,
  hashSize: 84,
  maxElem: 88,
  timeout: 92,
  cadtFlags: 96,
  initVal: 100,
  markMask: 104,
  listSize: 108,
  port: 112,
  portTo: 114,
  netmask: 116,
  bucketSize: 117,
  cidr: 118,
  ip: 120,
  ipTo: 136,
  bitmask: 152,
} as const;

/** A set as the kernel reports it: LIST, HEADER, TYPE, PROTOCOL, GET_BYNAME, GET_BYINDEX. */
export const SetHeader = {
  size: 184,
  /** index of the request that it answers; 0 in a dump */
  op: 0,
  protocol: 4,
  protocolMin: 5,
  /** of the set; the highest one in an answer to TYPE */
  revision: 6,
  revisionMin: 7,
  name: 8,
  type: 40,
  /** SetOptions that came */
  options: 72,
  hashSize: 76,
  maxElem: 80,
  timeout: 84,
  cadtFlags: 88,
  initVal: 92,
  markMask: 96,
  listSize: 100,
  port: 104,
  portTo: 106,
  netmask: 108,
  bucketSize: 109,
  family: 110,
  ip: 112,
  ipTo: 128,
  bitmask: 144,
  references: 160,
  memSize: 164,
  elements: 168,
  index: 172,
  /** its entries are entryCount SetEntry records of the same reply, from here */
  firstEntry: 176,
  entryCount: 180,
} as const;

/** Which attributes of a SetEntry are filled in. */
export const EntryParts = {
  entryIp: 0x1,
  entryIpTo: 0x2,
  entryCidr: 0x4,
  entryPort: 0x8,
  entryPortTo: 0x10,
  entryProto: 0x20,
  entryTimeout: 0x40,
  entryMark: 0x80,
  entryMac: 0x100,
  entryName: 0x200,
  entryNameRef: 0x400,
  entryIp2: 0x800,
  entryCidr2: 0x1000,
  entryIp2To: 0x2000,
  entryIface: 0x4000,
  entryPackets: 0x8000,
  entryBytes: 0x10000,
  entryComment: 0x20000,
  entrySkbMark: 0x40000,
  entrySkbPrio: 0x80000,
  entrySkbQueue: 0x100000,
  entryCadtFlags: 0x200000,
} as const;

/** One element of a set, in both directions. */
export const SetEntry = {
  size: 120,
  /** EntryParts */
  parts: 0,
  /** AF of ip and ip2 */
  family: 4,
  proto: 5,
  cidr: 6,
  cidr2: 7,
  ip: 8,
  ip2: 24,
  /** ranges exist for IPv4 only */
  ipTo: 40,
  ip2To: 44,
  port: 48,
  portTo: 50,
  /** seconds */
  timeout: 52,
  mark: 56,
  mac: 60,
  skbQueue: 66,
  cadtFlags: 68,
  packets: 72,
  bytes: 80,
  skbMark: 88,
  skbMask: 92,
  /** major << 16 | minor */
  skbPrio: 96,
  /** heap: NAME (list:set) or IFACE */
  nameOffset: 100,
  /** heap: NAMEREF */
  refOffset: 104,
  /** heap: COMMENT */
  commentOffset: 108,
  nameLength: 112,
  refLength: 114,
  commentLength: 116,
} as const;

/** One comma-separated part of an element's text. */
export const LinePart = {
  /** an address: ip */
  lineIp: 1,
  /** a network: ip, cidr */
  lineNet: 2,
  /** tcp:80 */
  lineProtocolPort: 3,
  /** an address: ip2 */
  lineIp2: 4,
  /** a network: ip2, cidr2 */
  lineNet2: 5,
  /** a port without protocol */
  linePort: 6,
  lineMac: 7,
  lineMark: 8,
  /** eth0, physdev:eth0 */
  lineInterface: 9,
  /** of a set */
  lineName: 10,
  /** added: a range, or of an address also a prefix length, stands for many */
  lineRange: 0x40,
  /** added to a network: /0 is stored too */
  lineWhole: 0x80,
} as const;

/** How the elements of one set are written in lines of text. */
export const SetGrammar = {
  size: 64,
  /** EntryParts that every element fills in */
  parts: 0,
  /** EntryParts that words behind it may add; entryCadtFlags stands for nomatch */
  options: 4,
  /** AF of its addresses */
  family: 8,
  /** of kinds */
  count: 9,
  /** LinePart, in the order of the text */
  kinds: 10,
  /** what every line starts with, such as "add web "; empty: nothing */
  prefix: 16,
} as const;

/** Where an element stands in a text. */
export const SetLine = {
  size: 8,
  /** of its line, in bytes */
  offset: 0,
  /** of its line, from 0 */
  number: 4,
} as const;

/** One rtnetlink request: `command` is RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR. */
export const LinkOp = {
  size: 72,
  command: 0,
  /** interface index; 0: by name, or all */
  index: 4,
  name: 8,
  /** IFLA_INFO_KIND for RTM_NEWLINK: "dummy" */
  kind: 24,
  flags: 40,
  /** which interface flags to change (RTM_NEWLINK, RTM_SETLINK) */
  flagsMask: 44,
  family: 48,
  prefix: 49,
  scope: 50,
  /** 1: NLM_F_EXCL, fail when it exists */
  exclusive: 51,
  /** IFA_FLAGS */
  addressFlags: 52,
  address: 56,
} as const;

/** A network interface. */
export const Link = {
  size: 64,
  op: 0,
  index: 4,
  name: 8,
  kind: 24,
  flags: 40,
  mtu: 44,
  mac: 48,
  macLength: 56,
} as const;

/** An address on an interface. */
export const LinkAddress = {
  size: 32,
  /** of the interface */
  index: 0,
  family: 4,
  prefix: 5,
  scope: 6,
  flags: 8,
  /** IFA_LOCAL where it comes, else IFA_ADDRESS */
  address: 16,
} as const;

export const FailureFlags = {
  /** extackOffset is meaningful */
  failureHasOffset: 0x1,
  /** the message was refused as a whole: none of the elements that it carried was looked at */
  failureWholeMessage: 0x2,
} as const;

/** One refused request or element. Those not listed took effect, as far as the reply says that they were settled. */
export const Failure = {
  size: 24,
  /** of the record in the request */
  index: 0,
  /** as in nlmsgerr: negative errno, negative ipset code, or ip_set's odd positive 1 */
  code: 4,
  /** heap: text of the extended acknowledgement */
  messageOffset: 8,
  messageLength: 12,
  /** FailureFlags */
  flags: 14,
  extackOffset: 16,
} as const;

/** Which fields of a ConntrackOp a listing asks for. */
export const FlowParts = {
  source: 0x1,
  sourcePort: 0x2,
  destination: 0x4,
  destinationPort: 0x8,
  replySource: 0x10,
  replySourcePort: 0x20,
} as const;

/** One request about tracked connections: `command` is IPCTNL_MSG_CT_GET (in a dump) or IPCTNL_MSG_CT_DELETE (in a run). */
export const ConntrackOp = {
  size: 72,
  command: 0,
  /** AF; 0 in a dump: both */
  family: 4,
  /** 0 in a dump: all */
  protocol: 5,
  zone: 6,
  /** as it came; 0: whichever has the tuple */
  id: 8,
  /** FlowParts */
  parts: 12,
  sourcePort: 16,
  destinationPort: 18,
  replySourcePort: 20,
  source: 24,
  destination: 40,
  replySource: 56,
} as const;

/** A tracked connection. Ports are 0 where the protocol has none. */
export const ConntrackFlow = {
  size: 96,
  /** opaque */
  id: 0,
  /** IPS_* of linux/netfilter/nf_conntrack_common.h */
  status: 4,
  mark: 8,
  /** seconds left */
  timeout: 12,
  family: 16,
  protocol: 17,
  zone: 18,
  sourcePort: 20,
  destinationPort: 22,
  replySourcePort: 24,
  replyDestinationPort: 26,
  source: 32,
  destination: 48,
  replySource: 64,
  replyDestination: 80,
} as const;
