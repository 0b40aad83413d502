#include "seam/layout.h"

#include <array>
#include <cstddef>

#include "seam/records.h"

namespace seam {

namespace {

constexpr std::array kIpvsOp{
    Field{"command", offsetof(IpvsOp, command)},
    Field{"family", offsetof(IpvsOp, family)},
    Field{"protocol", offsetof(IpvsOp, protocol)},
    Field{"fwmark", offsetof(IpvsOp, fwmark)},
    Field{"port", offsetof(IpvsOp, port)},
    Field{"byFwmark", offsetof(IpvsOp, byFwmark)},
    Field{"parts", offsetof(IpvsOp, parts)},
    Field{"address", offsetof(IpvsOp, address)},
    Field{"flags", offsetof(IpvsOp, flags)},
    Field{"flagsMask", offsetof(IpvsOp, flagsMask)},
    Field{"timeout", offsetof(IpvsOp, timeout)},
    Field{"netmask", offsetof(IpvsOp, netmask)},
    Field{"scheduler", offsetof(IpvsOp, scheduler)},
    Field{"engine", offsetof(IpvsOp, engine)},
    Field{"destFamily", offsetof(IpvsOp, destFamily)},
    Field{"destPort", offsetof(IpvsOp, destPort)},
    Field{"forwarding", offsetof(IpvsOp, forwarding)},
    Field{"destAddress", offsetof(IpvsOp, destAddress)},
    Field{"weight", offsetof(IpvsOp, weight)},
    Field{"upperThreshold", offsetof(IpvsOp, upperThreshold)},
    Field{"lowerThreshold", offsetof(IpvsOp, lowerThreshold)},
    Field{"tunnelType", offsetof(IpvsOp, tunnelType)},
    Field{"tunnelPort", offsetof(IpvsOp, tunnelPort)},
    Field{"tunnelFlags", offsetof(IpvsOp, tunnelFlags)},
    Field{"tcpTimeout", offsetof(IpvsOp, tcpTimeout)},
    Field{"tcpFinTimeout", offsetof(IpvsOp, tcpFinTimeout)},
    Field{"udpTimeout", offsetof(IpvsOp, udpTimeout)},
    Field{"daemonState", offsetof(IpvsOp, daemonState)},
    Field{"daemonSyncId", offsetof(IpvsOp, daemonSyncId)},
    Field{"daemonInterface", offsetof(IpvsOp, daemonInterface)},
    Field{"daemonGroup", offsetof(IpvsOp, daemonGroup)},
    Field{"daemonMaxLen", offsetof(IpvsOp, daemonMaxLen)},
    Field{"daemonPort", offsetof(IpvsOp, daemonPort)},
    Field{"daemonTtl", offsetof(IpvsOp, daemonTtl)},
    Field{"daemonParts", offsetof(IpvsOp, daemonParts)},
    Field{"quick", offsetof(IpvsOp, quick)},
};

constexpr std::array kIpvsStats{
    Field{"connections", offsetof(IpvsStats, connections)},
    Field{"packetsIn", offsetof(IpvsStats, packetsIn)},
    Field{"packetsOut", offsetof(IpvsStats, packetsOut)},
    Field{"bytesIn", offsetof(IpvsStats, bytesIn)},
    Field{"bytesOut", offsetof(IpvsStats, bytesOut)},
    Field{"connectionsPerSecond", offsetof(IpvsStats, connectionsPerSecond)},
    Field{"packetsInPerSecond", offsetof(IpvsStats, packetsInPerSecond)},
    Field{"packetsOutPerSecond", offsetof(IpvsStats, packetsOutPerSecond)},
    Field{"bytesInPerSecond", offsetof(IpvsStats, bytesInPerSecond)},
    Field{"bytesOutPerSecond", offsetof(IpvsStats, bytesOutPerSecond)},
};

constexpr std::array kIpvsService{
    Field{"op", offsetof(IpvsService, op)},
    Field{"family", offsetof(IpvsService, family)},
    Field{"protocol", offsetof(IpvsService, protocol)},
    Field{"fwmark", offsetof(IpvsService, fwmark)},
    Field{"port", offsetof(IpvsService, port)},
    Field{"byFwmark", offsetof(IpvsService, byFwmark)},
    Field{"stats64", offsetof(IpvsService, stats64)},
    Field{"address", offsetof(IpvsService, address)},
    Field{"flags", offsetof(IpvsService, flags)},
    Field{"timeout", offsetof(IpvsService, timeout)},
    Field{"netmask", offsetof(IpvsService, netmask)},
    Field{"scheduler", offsetof(IpvsService, scheduler)},
    Field{"engine", offsetof(IpvsService, engine)},
    Field{"stats", offsetof(IpvsService, stats)},
};

constexpr std::array kIpvsDest{
    Field{"service", offsetof(IpvsDest, service)},
    Field{"family", offsetof(IpvsDest, family)},
    Field{"port", offsetof(IpvsDest, port)},
    Field{"address", offsetof(IpvsDest, address)},
    Field{"forwarding", offsetof(IpvsDest, forwarding)},
    Field{"weight", offsetof(IpvsDest, weight)},
    Field{"upperThreshold", offsetof(IpvsDest, upperThreshold)},
    Field{"lowerThreshold", offsetof(IpvsDest, lowerThreshold)},
    Field{"activeConnections", offsetof(IpvsDest, activeConnections)},
    Field{"inactiveConnections", offsetof(IpvsDest, inactiveConnections)},
    Field{"persistentConnections", offsetof(IpvsDest, persistentConnections)},
    Field{"tunnelPort", offsetof(IpvsDest, tunnelPort)},
    Field{"tunnelFlags", offsetof(IpvsDest, tunnelFlags)},
    Field{"tunnelType", offsetof(IpvsDest, tunnelType)},
    Field{"stats64", offsetof(IpvsDest, stats64)},
    Field{"stats", offsetof(IpvsDest, stats)},
};

constexpr std::array kIpvsConfig{
    Field{"op", offsetof(IpvsConfig, op)},
    Field{"tcpTimeout", offsetof(IpvsConfig, tcpTimeout)},
    Field{"tcpFinTimeout", offsetof(IpvsConfig, tcpFinTimeout)},
    Field{"udpTimeout", offsetof(IpvsConfig, udpTimeout)},
    Field{"version", offsetof(IpvsConfig, version)},
    Field{"connectionTableSize", offsetof(IpvsConfig, connectionTableSize)},
};

constexpr std::array kIpvsDaemon{
    Field{"state", offsetof(IpvsDaemon, state)},
    Field{"syncId", offsetof(IpvsDaemon, syncId)},
    Field{"interface", offsetof(IpvsDaemon, interface)},
    Field{"group", offsetof(IpvsDaemon, group)},
    Field{"maxLen", offsetof(IpvsDaemon, maxLen)},
    Field{"port", offsetof(IpvsDaemon, port)},
    Field{"ttl", offsetof(IpvsDaemon, ttl)},
    Field{"parts", offsetof(IpvsDaemon, parts)},
};

constexpr std::array kSetCommand{
    Field{"command", offsetof(SetCommand, command)},
    Field{"exist", offsetof(SetCommand, exist)},
    Field{"family", offsetof(SetCommand, family)},
    Field{"revision", offsetof(SetCommand, revision)},
    Field{"protocol", offsetof(SetCommand, protocol)},
    Field{"name", offsetof(SetCommand, name)},
    Field{"name2", offsetof(SetCommand, name2)},
    Field{"listFlags", offsetof(SetCommand, listFlags)},
    Field{"index", offsetof(SetCommand, index)},
    Field{"options", offsetof(SetCommand, options)},
    Field{"hashSize", offsetof(SetCommand, hashSize)},
    Field{"maxElem", offsetof(SetCommand, maxElem)},
    Field{"timeout", offsetof(SetCommand, timeout)},
    Field{"cadtFlags", offsetof(SetCommand, cadtFlags)},
    Field{"initVal", offsetof(SetCommand, initVal)},
    Field{"markMask", offsetof(SetCommand, markMask)},
    Field{"listSize", offsetof(SetCommand, listSize)},
    Field{"port", offsetof(SetCommand, port)},
    Field{"portTo", offsetof(SetCommand, portTo)},
    Field{"netmask", offsetof(SetCommand, netmask)},
    Field{"bucketSize", offsetof(SetCommand, bucketSize)},
    Field{"cidr", offsetof(SetCommand, cidr)},
    Field{"ip", offsetof(SetCommand, ip)},
    Field{"ipTo", offsetof(SetCommand, ipTo)},
    Field{"bitmask", offsetof(SetCommand, bitmask)},
};

constexpr std::array kSetHeader{
    Field{"op", offsetof(SetHeader, op)},
    Field{"protocol", offsetof(SetHeader, protocol)},
    Field{"protocolMin", offsetof(SetHeader, protocolMin)},
    Field{"revision", offsetof(SetHeader, revision)},
    Field{"revisionMin", offsetof(SetHeader, revisionMin)},
    Field{"name", offsetof(SetHeader, name)},
    Field{"type", offsetof(SetHeader, type)},
    Field{"options", offsetof(SetHeader, options)},
    Field{"hashSize", offsetof(SetHeader, hashSize)},
    Field{"maxElem", offsetof(SetHeader, maxElem)},
    Field{"timeout", offsetof(SetHeader, timeout)},
    Field{"cadtFlags", offsetof(SetHeader, cadtFlags)},
    Field{"initVal", offsetof(SetHeader, initVal)},
    Field{"markMask", offsetof(SetHeader, markMask)},
    Field{"listSize", offsetof(SetHeader, listSize)},
    Field{"port", offsetof(SetHeader, port)},
    Field{"portTo", offsetof(SetHeader, portTo)},
    Field{"netmask", offsetof(SetHeader, netmask)},
    Field{"bucketSize", offsetof(SetHeader, bucketSize)},
    Field{"family", offsetof(SetHeader, family)},
    Field{"ip", offsetof(SetHeader, ip)},
    Field{"ipTo", offsetof(SetHeader, ipTo)},
    Field{"bitmask", offsetof(SetHeader, bitmask)},
    Field{"references", offsetof(SetHeader, references)},
    Field{"memSize", offsetof(SetHeader, memSize)},
    Field{"elements", offsetof(SetHeader, elements)},
    Field{"index", offsetof(SetHeader, index)},
    Field{"firstEntry", offsetof(SetHeader, firstEntry)},
    Field{"entryCount", offsetof(SetHeader, entryCount)},
};

constexpr std::array kSetEntry{
    Field{"parts", offsetof(SetEntry, parts)},
    Field{"family", offsetof(SetEntry, family)},
    Field{"proto", offsetof(SetEntry, proto)},
    Field{"cidr", offsetof(SetEntry, cidr)},
    Field{"cidr2", offsetof(SetEntry, cidr2)},
    Field{"ip", offsetof(SetEntry, ip)},
    Field{"ip2", offsetof(SetEntry, ip2)},
    Field{"ipTo", offsetof(SetEntry, ipTo)},
    Field{"ip2To", offsetof(SetEntry, ip2To)},
    Field{"port", offsetof(SetEntry, port)},
    Field{"portTo", offsetof(SetEntry, portTo)},
    Field{"timeout", offsetof(SetEntry, timeout)},
    Field{"mark", offsetof(SetEntry, mark)},
    Field{"mac", offsetof(SetEntry, mac)},
    Field{"skbQueue", offsetof(SetEntry, skbQueue)},
    Field{"cadtFlags", offsetof(SetEntry, cadtFlags)},
    Field{"packets", offsetof(SetEntry, packets)},
    Field{"bytes", offsetof(SetEntry, bytes)},
    Field{"skbMark", offsetof(SetEntry, skbMark)},
    Field{"skbMask", offsetof(SetEntry, skbMask)},
    Field{"skbPrio", offsetof(SetEntry, skbPrio)},
    Field{"nameOffset", offsetof(SetEntry, nameOffset)},
    Field{"refOffset", offsetof(SetEntry, refOffset)},
    Field{"commentOffset", offsetof(SetEntry, commentOffset)},
    Field{"nameLength", offsetof(SetEntry, nameLength)},
    Field{"refLength", offsetof(SetEntry, refLength)},
    Field{"commentLength", offsetof(SetEntry, commentLength)},
};

constexpr std::array kSetGrammar{
    Field{"parts", offsetof(SetGrammar, parts)},   Field{"options", offsetof(SetGrammar, options)},
    Field{"family", offsetof(SetGrammar, family)}, Field{"count", offsetof(SetGrammar, count)},
    Field{"kinds", offsetof(SetGrammar, kinds)},   Field{"prefix", offsetof(SetGrammar, prefix)},
};

constexpr std::array kSetLine{
    Field{"offset", offsetof(SetLine, offset)},
    Field{"number", offsetof(SetLine, number)},
};

constexpr std::array kLinkOp{
    Field{"command", offsetof(LinkOp, command)},
    Field{"index", offsetof(LinkOp, index)},
    Field{"name", offsetof(LinkOp, name)},
    Field{"kind", offsetof(LinkOp, kind)},
    Field{"flags", offsetof(LinkOp, flags)},
    Field{"flagsMask", offsetof(LinkOp, flagsMask)},
    Field{"family", offsetof(LinkOp, family)},
    Field{"prefix", offsetof(LinkOp, prefix)},
    Field{"scope", offsetof(LinkOp, scope)},
    Field{"exclusive", offsetof(LinkOp, exclusive)},
    Field{"addressFlags", offsetof(LinkOp, addressFlags)},
    Field{"address", offsetof(LinkOp, address)},
};

constexpr std::array kLink{
    Field{"op", offsetof(Link, op)},       Field{"index", offsetof(Link, index)},
    Field{"name", offsetof(Link, name)},   Field{"kind", offsetof(Link, kind)},
    Field{"flags", offsetof(Link, flags)}, Field{"mtu", offsetof(Link, mtu)},
    Field{"mac", offsetof(Link, mac)},     Field{"macLength", offsetof(Link, macLength)},
};

constexpr std::array kLinkAddress{
    Field{"index", offsetof(LinkAddress, index)},
    Field{"family", offsetof(LinkAddress, family)},
    Field{"prefix", offsetof(LinkAddress, prefix)},
    Field{"scope", offsetof(LinkAddress, scope)},
    Field{"flags", offsetof(LinkAddress, flags)},
    Field{"address", offsetof(LinkAddress, address)},
};

constexpr std::array kConntrackOp{
    Field{"command", offsetof(ConntrackOp, command)},
    Field{"family", offsetof(ConntrackOp, family)},
    Field{"protocol", offsetof(ConntrackOp, protocol)},
    Field{"zone", offsetof(ConntrackOp, zone)},
    Field{"id", offsetof(ConntrackOp, id)},
    Field{"parts", offsetof(ConntrackOp, parts)},
    Field{"sourcePort", offsetof(ConntrackOp, sourcePort)},
    Field{"destinationPort", offsetof(ConntrackOp, destinationPort)},
    Field{"replySourcePort", offsetof(ConntrackOp, replySourcePort)},
    Field{"source", offsetof(ConntrackOp, source)},
    Field{"destination", offsetof(ConntrackOp, destination)},
    Field{"replySource", offsetof(ConntrackOp, replySource)},
};

constexpr std::array kConntrackFlow{
    Field{"id", offsetof(ConntrackFlow, id)},
    Field{"status", offsetof(ConntrackFlow, status)},
    Field{"mark", offsetof(ConntrackFlow, mark)},
    Field{"timeout", offsetof(ConntrackFlow, timeout)},
    Field{"family", offsetof(ConntrackFlow, family)},
    Field{"protocol", offsetof(ConntrackFlow, protocol)},
    Field{"zone", offsetof(ConntrackFlow, zone)},
    Field{"sourcePort", offsetof(ConntrackFlow, sourcePort)},
    Field{"destinationPort", offsetof(ConntrackFlow, destinationPort)},
    Field{"replySourcePort", offsetof(ConntrackFlow, replySourcePort)},
    Field{"replyDestinationPort", offsetof(ConntrackFlow, replyDestinationPort)},
    Field{"source", offsetof(ConntrackFlow, source)},
    Field{"destination", offsetof(ConntrackFlow, destination)},
    Field{"replySource", offsetof(ConntrackFlow, replySource)},
    Field{"replyDestination", offsetof(ConntrackFlow, replyDestination)},
};

constexpr std::array kFailure{
    Field{"index", offsetof(Failure, index)},
    Field{"code", offsetof(Failure, code)},
    Field{"messageOffset", offsetof(Failure, messageOffset)},
    Field{"messageLength", offsetof(Failure, messageLength)},
    Field{"flags", offsetof(Failure, flags)},
    Field{"extackOffset", offsetof(Failure, extackOffset)},
};

constexpr std::array kLayouts{
    Layout{"IpvsOp", sizeof(IpvsOp), kIpvsOp},
    Layout{"IpvsStats", sizeof(IpvsStats), kIpvsStats},
    Layout{"IpvsService", sizeof(IpvsService), kIpvsService},
    Layout{"IpvsDest", sizeof(IpvsDest), kIpvsDest},
    Layout{"IpvsConfig", sizeof(IpvsConfig), kIpvsConfig},
    Layout{"IpvsDaemon", sizeof(IpvsDaemon), kIpvsDaemon},
    Layout{"SetCommand", sizeof(SetCommand), kSetCommand},
    Layout{"SetHeader", sizeof(SetHeader), kSetHeader},
    Layout{"SetEntry", sizeof(SetEntry), kSetEntry},
    Layout{"SetGrammar", sizeof(SetGrammar), kSetGrammar},
    Layout{"SetLine", sizeof(SetLine), kSetLine},
    Layout{"LinkOp", sizeof(LinkOp), kLinkOp},
    Layout{"Link", sizeof(Link), kLink},
    Layout{"LinkAddress", sizeof(LinkAddress), kLinkAddress},
    Layout{"ConntrackOp", sizeof(ConntrackOp), kConntrackOp},
    Layout{"ConntrackFlow", sizeof(ConntrackFlow), kConntrackFlow},
    Layout{"Failure", sizeof(Failure), kFailure},
};

}  // namespace

std::span<const Layout> layouts() noexcept { return kLayouts; }

}  // namespace seam
