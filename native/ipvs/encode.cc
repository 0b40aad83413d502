#include "ipvs/encode.h"

#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <sys/socket.h>

namespace ipvs {

namespace {

using nl::MessageWriter;
using seam::IpvsOp;

size_t addressSize(uint16_t family) noexcept { return family == AF_INET6 ? 16 : 4; }

struct Identity {
  uint16_t family;
  bool byFwmark;
  uint32_t fwmark;
  uint16_t protocol;
  uint16_t port;
  const uint8_t* address;
};

void putIdentity(const Identity& id, MessageWriter& w) noexcept {
  w.put(IPVS_SVC_ATTR_AF, id.family);
  if (id.byFwmark) {
    w.put(IPVS_SVC_ATTR_FWMARK, id.fwmark);
    return;
  }
  w.put(IPVS_SVC_ATTR_PROTOCOL, id.protocol);
  w.put(IPVS_SVC_ATTR_ADDR, id.address, addressSize(id.family));
  w.putNetwork(IPVS_SVC_ATTR_PORT, id.port);
}

void putService(const IpvsOp& op, MessageWriter& w) noexcept {
  const auto service = w.nest(IPVS_CMD_ATTR_SERVICE);
  if ((op.parts & seam::kServiceIdentity) != 0) {
    putIdentity({.family = op.family,
                 .byFwmark = op.byFwmark != 0,
                 .fwmark = op.fwmark,
                 .protocol = op.protocol,
                 .port = op.port,
                 .address = op.address},
                w);
  }
  if ((op.parts & seam::kServiceAttributes) != 0) {
    w.putString(IPVS_SVC_ATTR_SCHED_NAME, nl::inlineString(op.scheduler));
    const ip_vs_flags flags{.flags = op.flags, .mask = op.flagsMask};
    w.put(IPVS_SVC_ATTR_FLAGS, &flags, sizeof flags);
    w.put(IPVS_SVC_ATTR_TIMEOUT, op.timeout);
    w.put(IPVS_SVC_ATTR_NETMASK, op.netmask, sizeof op.netmask);
  }
  if ((op.parts & seam::kServiceEngine) != 0) {
    w.putString(IPVS_SVC_ATTR_PE_NAME, nl::inlineString(op.engine));
  }
}

void putDest(const IpvsOp& op, MessageWriter& w) noexcept {
  const auto dest = w.nest(IPVS_CMD_ATTR_DEST);
  w.put(IPVS_DEST_ATTR_ADDR, op.destAddress, addressSize(op.destFamily));
  w.putNetwork(IPVS_DEST_ATTR_PORT, op.destPort);
  if ((op.parts & seam::kDestAttributes) != 0) {
    w.put(IPVS_DEST_ATTR_FWD_METHOD, op.forwarding);
    w.put(IPVS_DEST_ATTR_WEIGHT, op.weight);
    w.put(IPVS_DEST_ATTR_U_THRESH, op.upperThreshold);
    w.put(IPVS_DEST_ATTR_L_THRESH, op.lowerThreshold);
  }
  w.put(IPVS_DEST_ATTR_ADDR_FAMILY, op.destFamily);
  if ((op.parts & seam::kDestAttributes) != 0) {
    // Always all three: absent ones would be reset to 0 by the kernel anyway.
    w.put(IPVS_DEST_ATTR_TUN_TYPE, op.tunnelType);
    w.putNetwork(IPVS_DEST_ATTR_TUN_PORT, op.tunnelPort);
    w.put(IPVS_DEST_ATTR_TUN_FLAGS, op.tunnelFlags);
  }
}

void putDaemon(const IpvsOp& op, MessageWriter& w) noexcept {
  const auto daemon = w.nest(IPVS_CMD_ATTR_DAEMON);
  w.put(IPVS_DAEMON_ATTR_STATE, op.daemonState);
  if (op.command != IPVS_CMD_NEW_DAEMON) return;
  w.putString(IPVS_DAEMON_ATTR_MCAST_IFN, nl::inlineString(op.daemonInterface));
  w.put(IPVS_DAEMON_ATTR_SYNC_ID, op.daemonSyncId);
  const uint8_t parts = op.daemonParts;
  if ((parts & seam::kDaemonMaxLen) != 0) w.put(IPVS_DAEMON_ATTR_SYNC_MAXLEN, op.daemonMaxLen);
  if ((parts & seam::kDaemonGroup4) != 0) w.put(IPVS_DAEMON_ATTR_MCAST_GROUP, op.daemonGroup, 4);
  if ((parts & seam::kDaemonGroup6) != 0) w.put(IPVS_DAEMON_ATTR_MCAST_GROUP6, op.daemonGroup, 16);
  if ((parts & seam::kDaemonPort) != 0) w.put(IPVS_DAEMON_ATTR_MCAST_PORT, op.daemonPort);
  if ((parts & seam::kDaemonTtl) != 0) w.put(IPVS_DAEMON_ATTR_MCAST_TTL, op.daemonTtl);
}

genlmsghdr genericHeader(uint32_t command) noexcept {
  return {.cmd = static_cast<uint8_t>(command), .version = IPVS_GENL_VERSION, .reserved = 0};
}

}  // namespace

void encode(const IpvsOp& op, uint16_t family, uint32_t sequence, bool dump,
            MessageWriter& w) noexcept {
  w.begin(family, NLM_F_REQUEST | (dump ? NLM_F_DUMP : 0), sequence, genericHeader(op.command));
  constexpr uint8_t kService =
      seam::kServiceIdentity | seam::kServiceAttributes | seam::kServiceEngine;
  if ((op.parts & kService) != 0) putService(op, w);
  if ((op.parts & seam::kDestIdentity) != 0) putDest(op, w);
  if ((op.parts & seam::kDaemon) != 0) putDaemon(op, w);
  if ((op.parts & seam::kConfig) != 0) {
    w.put(IPVS_CMD_ATTR_TIMEOUT_TCP, op.tcpTimeout);
    w.put(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, op.tcpFinTimeout);
    w.put(IPVS_CMD_ATTR_TIMEOUT_UDP, op.udpTimeout);
  }
  w.end();
}

void encodeGetDest(const seam::IpvsService& service, uint16_t family, MessageWriter& w) noexcept {
  w.begin(family, NLM_F_REQUEST | NLM_F_DUMP, 0, genericHeader(IPVS_CMD_GET_DEST));
  {
    const auto nest = w.nest(IPVS_CMD_ATTR_SERVICE);
    putIdentity({.family = service.family,
                 .byFwmark = service.byFwmark != 0,
                 .fwmark = service.fwmark,
                 .protocol = service.protocol,
                 .port = service.port,
                 .address = service.address},
                w);
  }
  w.end();
}

}  // namespace ipvs
