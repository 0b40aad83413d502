// The fixed-layout records that cross between TypeScript and C++. Twin: src/native/records.ts; a
// test compares the two.
//
// Rules: native endian, explicit padding, strides that are multiples of 8; addresses in network
// order (IPv4 in the first four bytes), ports in host order; short bounded strings inline and
// NUL-padded, unbounded ones as (offset, length) into the heap that travels beside the records;
// reserved bytes zero. Plain data: no napi, no netlink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace seam {

// ----------------------------------------------------------------------------------------------------------------
// ipvs

/// Which parts of an IpvsOp are filled in.
enum IpvsParts : uint8_t {
  kServiceIdentity = 1,    ///< family and (fwmark or protocol, address, port)
  kServiceAttributes = 2,  ///< scheduler, flags, timeout, netmask
  kServiceEngine = 4,      ///< engine
  kDestIdentity = 8,       ///< destFamily, destAddress, destPort
  kDestAttributes = 16,    ///< forwarding, weight, thresholds, tunnel
  kConfig = 32,            ///< tcpTimeout, tcpFinTimeout, udpTimeout
  kDaemon = 64,            ///< daemon*
  kWithDestinations = 128  ///< dump of services: each with its destinations
};

/// Which daemon attributes of an IpvsOp or IpvsDaemon are filled in.
enum DaemonParts : uint8_t {
  kDaemonMaxLen = 1,
  kDaemonGroup4 = 2,
  kDaemonGroup6 = 4,
  kDaemonPort = 8,
  kDaemonTtl = 16
};

/// One request of the IPVS family: `command` is the IPVS_CMD_* number of linux/ip_vs.h.
struct IpvsOp {
  uint32_t command;
  uint16_t family;  ///< AF of the service
  uint16_t protocol;
  uint32_t fwmark;
  uint16_t port;
  uint8_t byFwmark;  ///< 1: identity is (family, fwmark)
  uint8_t parts;     ///< IpvsParts
  uint8_t address[16];
  uint32_t flags;
  uint32_t flagsMask;
  uint32_t timeout;    ///< seconds
  uint8_t netmask[4];  ///< IPv4: mask in network order; IPv6: prefix length, native u32
  char scheduler[16];
  char engine[24];
  uint16_t destFamily;
  uint16_t destPort;
  uint32_t forwarding;
  uint8_t destAddress[16];
  int32_t weight;
  uint32_t upperThreshold;
  uint32_t lowerThreshold;
  uint8_t tunnelType;
  uint8_t pad0;
  uint16_t tunnelPort;
  uint16_t tunnelFlags;
  uint16_t pad1;
  uint32_t tcpTimeout;
  uint32_t tcpFinTimeout;
  uint32_t udpTimeout;
  uint32_t daemonState;
  uint32_t daemonSyncId;
  char daemonInterface[16];
  uint8_t daemonGroup[16];
  uint16_t daemonMaxLen;
  uint16_t daemonPort;
  uint8_t daemonTtl;
  uint8_t daemonParts;
  uint8_t quick;  ///< dump of services with their destinations: 1: these without counters and
                  ///< tunnels, from the fastest interface that has them
  uint8_t pad2;
};
static_assert(sizeof(IpvsOp) == 192);

/// Counters and rates, as in IPVS_SVC_ATTR_STATS64 / IPVS_DEST_ATTR_STATS64 (or the 32-bit nest
/// where that is all there is).
struct IpvsStats {
  uint64_t connections;
  uint64_t packetsIn;
  uint64_t packetsOut;
  uint64_t bytesIn;
  uint64_t bytesOut;
  uint64_t connectionsPerSecond;
  uint64_t packetsInPerSecond;
  uint64_t packetsOutPerSecond;
  uint64_t bytesInPerSecond;
  uint64_t bytesOutPerSecond;
};
static_assert(sizeof(IpvsStats) == 80);

/// A service as the kernel reports it.
struct IpvsService {
  uint32_t op;  ///< index of the request that it answers; 0 in a dump
  uint16_t family;
  uint16_t protocol;
  uint32_t fwmark;
  uint16_t port;
  uint8_t byFwmark;
  uint8_t stats64;  ///< 1: stats come from the 64-bit nest
  uint8_t address[16];
  uint32_t flags;
  uint32_t timeout;
  uint8_t netmask[4];
  uint32_t pad0;
  char scheduler[16];
  char engine[24];
  IpvsStats stats;
};
static_assert(sizeof(IpvsService) == 168);

/// A destination as the kernel reports it.
struct IpvsDest {
  uint32_t service;  ///< dump of everything: index of its service in the same reply; dump of one
                     ///< service: 0
  uint16_t family;
  uint16_t port;
  uint8_t address[16];
  uint32_t forwarding;
  int32_t weight;
  uint32_t upperThreshold;
  uint32_t lowerThreshold;
  uint32_t activeConnections;
  uint32_t inactiveConnections;
  uint32_t persistentConnections;
  uint16_t tunnelPort;
  uint16_t tunnelFlags;
  uint8_t tunnelType;
  uint8_t stats64;
  uint16_t pad0;
  uint32_t pad1;
  IpvsStats stats;
};
static_assert(sizeof(IpvsDest) == 144);

/// Answer to GET_CONFIG and GET_INFO.
struct IpvsConfig {
  uint32_t op;
  uint32_t tcpTimeout;
  uint32_t tcpFinTimeout;
  uint32_t udpTimeout;
  uint32_t version;
  uint32_t connectionTableSize;
};
static_assert(sizeof(IpvsConfig) == 24);

/// A sync daemon as the kernel reports it.
struct IpvsDaemon {
  uint32_t state;
  uint32_t syncId;
  char interface[16];
  uint8_t group[16];
  uint16_t maxLen;
  uint16_t port;
  uint8_t ttl;
  uint8_t parts;  ///< DaemonParts
  uint16_t pad0;
};
static_assert(sizeof(IpvsDaemon) == 48);

// ---------------------------------------------------------------------------------------------------------------
// ipset

/// Which create options of a SetCommand or SetHeader are filled in.
enum SetOptions : uint32_t {
  kSetHashSize = 1 << 0,
  kSetMaxElem = 1 << 1,
  kSetTimeout = 1 << 2,
  kSetCadtFlags = 1 << 3,
  kSetInitVal = 1 << 4,
  kSetMarkMask = 1 << 5,
  kSetSize = 1 << 6,
  kSetPort = 1 << 7,
  kSetPortTo = 1 << 8,
  kSetNetmask = 1 << 9,
  kSetBucketSize = 1 << 10,
  kSetCidr = 1 << 11,
  kSetIp = 1 << 12,
  kSetIpTo = 1 << 13,
  kSetBitmask = 1 << 14,
  kSetReferences = 1 << 15,  ///< header only
  kSetMemSize = 1 << 16,     ///< header only
  kSetElements = 1 << 17,    ///< header only
  kSetIndex = 1 << 18,       ///< header only
  kSetFamily = 1 << 19,      ///< family is meaningful (header), to be sent (command)
  kSetRevision = 1 << 20,
  kSetRevisionMin = 1 << 21,  ///< answer to TYPE
  kSetProtocol = 1 << 22,     ///< answer to PROTOCOL
  kSetProtocolMin = 1 << 23
};

/// One request of the ipset subsystem that carries no elements: `command` is the IPSET_CMD_*
/// number.
struct SetCommand {
  uint32_t command;
  uint8_t exist;  ///< 1: without NLM_F_EXCL, what the ipset tool calls -exist
  uint8_t family;
  uint8_t revision;
  uint8_t protocol;  ///< protocol version to put into the message: 6 or 7
  char name[32];     ///< empty: all sets, where the command allows it
  char name2[32];    ///< type name (CREATE, TYPE) or the other set (RENAME, SWAP)
  uint32_t listFlags;
  uint16_t index;
  uint16_t pad0;
  uint32_t options;  ///< SetOptions
  uint32_t hashSize;
  uint32_t maxElem;
  uint32_t timeout;
  uint32_t cadtFlags;
  uint32_t initVal;
  uint32_t markMask;
  uint32_t listSize;
  uint16_t port;
  uint16_t portTo;
  uint8_t netmask;
  uint8_t bucketSize;
  uint8_t cidr;
  uint8_t pad1;
  uint8_t ip[16];
  uint8_t ipTo[16];
  uint8_t bitmask[16];
};
static_assert(sizeof(SetCommand) == 168);

/// A set as the kernel reports it: LIST, HEADER, TYPE, PROTOCOL, GET_BYNAME, GET_BYINDEX.
struct SetHeader {
  uint32_t op;  ///< index of the request that it answers; 0 in a dump
  uint8_t protocol;
  uint8_t protocolMin;
  uint8_t revision;  ///< of the set; the highest one in an answer to TYPE
  uint8_t revisionMin;
  char name[32];
  char type[32];
  uint32_t options;  ///< SetOptions that came
  uint32_t hashSize;
  uint32_t maxElem;
  uint32_t timeout;
  uint32_t cadtFlags;
  uint32_t initVal;
  uint32_t markMask;
  uint32_t listSize;
  uint16_t port;
  uint16_t portTo;
  uint8_t netmask;
  uint8_t bucketSize;
  uint8_t family;
  uint8_t pad0;
  uint8_t ip[16];
  uint8_t ipTo[16];
  uint8_t bitmask[16];
  uint32_t references;
  uint32_t memSize;
  uint32_t elements;
  uint16_t index;
  uint16_t pad1;
  uint32_t
      firstEntry;  ///< its entries are entryCount SetEntry records of the same reply, from here
  uint32_t entryCount;
};
static_assert(sizeof(SetHeader) == 184);

/// Which attributes of a SetEntry are filled in.
enum EntryParts : uint32_t {
  kEntryIp = 1 << 0,
  kEntryIpTo = 1 << 1,
  kEntryCidr = 1 << 2,
  kEntryPort = 1 << 3,
  kEntryPortTo = 1 << 4,
  kEntryProto = 1 << 5,
  kEntryTimeout = 1 << 6,
  kEntryMark = 1 << 7,
  kEntryMac = 1 << 8,
  kEntryName = 1 << 9,
  kEntryNameRef = 1 << 10,
  kEntryIp2 = 1 << 11,
  kEntryCidr2 = 1 << 12,
  kEntryIp2To = 1 << 13,
  kEntryIface = 1 << 14,
  kEntryPackets = 1 << 15,
  kEntryBytes = 1 << 16,
  kEntryComment = 1 << 17,
  kEntrySkbMark = 1 << 18,
  kEntrySkbPrio = 1 << 19,
  kEntrySkbQueue = 1 << 20,
  kEntryCadtFlags = 1 << 21
};

/// One element of a set, in both directions.
struct SetEntry {
  uint32_t parts;  ///< EntryParts
  uint8_t family;  ///< AF of ip and ip2
  uint8_t proto;
  uint8_t cidr;
  uint8_t cidr2;
  uint8_t ip[16];
  uint8_t ip2[16];
  uint8_t ipTo[4];  ///< ranges exist for IPv4 only
  uint8_t ip2To[4];
  uint16_t port;
  uint16_t portTo;
  uint32_t timeout;  ///< seconds
  uint32_t mark;
  uint8_t mac[6];
  uint16_t skbQueue;
  uint32_t cadtFlags;
  uint64_t packets;
  uint64_t bytes;
  uint32_t skbMark;
  uint32_t skbMask;
  uint32_t skbPrio;        ///< major << 16 | minor
  uint32_t nameOffset;     ///< heap: NAME (list:set) or IFACE
  uint32_t refOffset;      ///< heap: NAMEREF
  uint32_t commentOffset;  ///< heap: COMMENT
  uint16_t nameLength;
  uint16_t refLength;
  uint16_t commentLength;
  uint16_t pad0;
};
static_assert(sizeof(SetEntry) == 120);

/// One comma-separated part of an element's text.
enum LinePart : uint8_t {
  kLineIp = 1,            ///< an address: ip
  kLineNet = 2,           ///< a network: ip, cidr
  kLineProtocolPort = 3,  ///< tcp:80
  kLineIp2 = 4,           ///< an address: ip2
  kLineNet2 = 5,          ///< a network: ip2, cidr2
  kLinePort = 6,          ///< a port without protocol
  kLineMac = 7,
  kLineMark = 8,
  kLineInterface = 9,  ///< eth0, physdev:eth0
  kLineName = 10,      ///< of a set
  kLineRange = 0x40,   ///< added: a range, or of an address also a prefix length, stands for many
  kLineWhole = 0x80    ///< added to a network: /0 is stored too
};

/// How the elements of one set are written in lines of text.
struct SetGrammar {
  uint32_t parts;  ///< EntryParts that every element fills in
  uint32_t
      options;     ///< EntryParts that words behind it may add; kEntryCadtFlags stands for nomatch
  uint8_t family;  ///< AF of its addresses
  uint8_t count;   ///< of kinds
  uint8_t kinds[6];  ///< LinePart, in the order of the text
  char prefix[48];   ///< what every line starts with, such as "add web "; empty: nothing
};
static_assert(sizeof(SetGrammar) == 64);

/// Where an element stands in a text.
struct SetLine {
  uint32_t offset;  ///< of its line, in bytes
  uint32_t number;  ///< of its line, from 0
};
static_assert(sizeof(SetLine) == 8);

// ---------------------------------------------------------------------------------------------------------------
// route

/// One rtnetlink request: `command` is RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK,
/// RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR.
struct LinkOp {
  uint32_t command;
  uint32_t index;  ///< interface index; 0: by name, or all
  char name[16];
  char kind[16];  ///< IFLA_INFO_KIND for RTM_NEWLINK: "dummy"
  uint32_t flags;
  uint32_t flagsMask;  ///< which interface flags to change (RTM_NEWLINK, RTM_SETLINK)
  uint8_t family;
  uint8_t prefix;
  uint8_t scope;
  uint8_t exclusive;      ///< 1: NLM_F_EXCL, fail when it exists
  uint32_t addressFlags;  ///< IFA_FLAGS
  uint8_t address[16];
};
static_assert(sizeof(LinkOp) == 72);

/// A network interface.
struct Link {
  uint32_t op;
  uint32_t index;
  char name[16];
  char kind[16];
  uint32_t flags;
  uint32_t mtu;
  uint8_t mac[8];
  uint8_t macLength;
  uint8_t pad0[7];
};
static_assert(sizeof(Link) == 64);

/// An address on an interface.
struct LinkAddress {
  uint32_t index;  ///< of the interface
  uint8_t family;
  uint8_t prefix;
  uint8_t scope;
  uint8_t pad0;
  uint32_t flags;
  uint32_t pad1;
  uint8_t address[16];  ///< IFA_LOCAL where it comes, else IFA_ADDRESS
};
static_assert(sizeof(LinkAddress) == 32);

// -------------------------------------------------------------------------------------------------------------
// conntrack

/// Which fields of a ConntrackOp a listing asks for.
enum FlowParts : uint32_t {
  kFlowSource = 1 << 0,
  kFlowSourcePort = 1 << 1,
  kFlowDestination = 1 << 2,
  kFlowDestinationPort = 1 << 3,
  kFlowReplySource = 1 << 4,
  kFlowReplySourcePort = 1 << 5
};

/// One request about tracked connections: `command` is IPCTNL_MSG_CT_GET (in a dump: those that
/// have what `parts` names) or IPCTNL_MSG_CT_DELETE (in a run: the one of this original tuple).
struct ConntrackOp {
  uint32_t command;
  uint8_t family;    ///< AF; 0 in a dump: both
  uint8_t protocol;  ///< 0 in a dump: all
  uint16_t zone;
  uint32_t id;     ///< as it came; 0: whichever has the tuple
  uint32_t parts;  ///< FlowParts
  uint16_t sourcePort;
  uint16_t destinationPort;
  uint16_t replySourcePort;
  uint16_t pad0;
  uint8_t source[16];
  uint8_t destination[16];
  uint8_t replySource[16];
};
static_assert(sizeof(ConntrackOp) == 72);

/// A tracked connection. Ports are 0 where the protocol has none.
struct ConntrackFlow {
  uint32_t id;      ///< opaque
  uint32_t status;  ///< IPS_* of linux/netfilter/nf_conntrack_common.h
  uint32_t mark;
  uint32_t timeout;  ///< seconds left
  uint8_t family;
  uint8_t protocol;
  uint16_t zone;
  uint16_t sourcePort;
  uint16_t destinationPort;
  uint16_t replySourcePort;
  uint16_t replyDestinationPort;
  uint32_t pad0;
  uint8_t source[16];
  uint8_t destination[16];
  uint8_t replySource[16];
  uint8_t replyDestination[16];
};
static_assert(sizeof(ConntrackFlow) == 96);

// --------------------------------------------------------------------------------------------------------------
// replies

enum FailureFlags : uint16_t {
  kFailureHasOffset = 1,  ///< extackOffset is meaningful
  kFailureWholeMessage =
      2  ///< the message was refused as a whole: none of the elements that it carried was looked at
};

/// One refused request or element. Those not listed took effect, as far as the reply says that they
/// were settled.
struct Failure {
  uint32_t index;  ///< of the record in the request
  int32_t
      code;  ///< as in nlmsgerr: negative errno, negative ipset code, or ip_set's odd positive 1
  uint32_t messageOffset;  ///< heap: text of the extended acknowledgement
  uint16_t messageLength;
  uint16_t flags;  ///< FailureFlags
  uint32_t extackOffset;
  uint32_t pad0;
};
static_assert(sizeof(Failure) == 24);

static_assert(std::is_trivially_copyable_v<IpvsOp> && std::is_trivially_copyable_v<SetEntry>);

}  // namespace seam
