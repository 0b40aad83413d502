#include "ipvs/decode.h"

#include <linux/ip_vs.h>
#include <sys/socket.h>

#include "nl/attr.h"

namespace ipvs {

namespace {

using nl::Attr;
using nl::AttrReader;

static_assert(IPVS_SVC_ATTR_STATS64 == 12 && IPVS_DEST_ATTR_STATS64 == 12 &&
              IPVS_DEST_ATTR_TUN_FLAGS == 15);
static_assert(IPVS_STATS_ATTR_OUTBPS == 10 && IPVS_DAEMON_ATTR_MCAST_TTL == 8 &&
              IPVS_CMD_FLUSH == 17);

/// Where the counters of a statistics nest go, by attribute number.
uint64_t* counterOf(seam::IpvsStats& stats, uint16_t type) noexcept {
  switch (type) {
    case IPVS_STATS_ATTR_CONNS:
      return &stats.connections;
    case IPVS_STATS_ATTR_INPKTS:
      return &stats.packetsIn;
    case IPVS_STATS_ATTR_OUTPKTS:
      return &stats.packetsOut;
    case IPVS_STATS_ATTR_INBYTES:
      return &stats.bytesIn;
    case IPVS_STATS_ATTR_OUTBYTES:
      return &stats.bytesOut;
    case IPVS_STATS_ATTR_CPS:
      return &stats.connectionsPerSecond;
    case IPVS_STATS_ATTR_INPPS:
      return &stats.packetsInPerSecond;
    case IPVS_STATS_ATTR_OUTPPS:
      return &stats.packetsOutPerSecond;
    case IPVS_STATS_ATTR_INBPS:
      return &stats.bytesInPerSecond;
    case IPVS_STATS_ATTR_OUTBPS:
      return &stats.bytesOutPerSecond;
    default:
      return nullptr;  // padding
  }
}

/// Both nests number their counters alike; the old one has 32-bit values but for the bytes.
void decodeStats(std::span<const uint8_t> nest, seam::IpvsStats& stats) noexcept {
  AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    uint64_t* counter = counterOf(stats, attr.type);
    if (counter == nullptr) continue;
    if (attr.payload.size() >= sizeof(uint64_t)) {
      *counter = attr.host<uint64_t>();
    } else {
      *counter = attr.host<uint32_t>();
    }
  }
}

/// The 64-bit nest wins over the truncated copies of the other one, whichever comes first.
template <class Record>
void takeStats(const Attr& attr, bool is64, Record& out) noexcept {
  if (is64) {
    decodeStats(attr.payload, out.stats);
    out.stats64 = 1;
  } else if (out.stats64 == 0) {
    decodeStats(attr.payload, out.stats);
  }
}

}  // namespace

void decodeService(std::span<const uint8_t> nest, seam::IpvsService& out) noexcept {
  AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPVS_SVC_ATTR_AF:
        out.family = attr.host<uint16_t>();
        break;
      case IPVS_SVC_ATTR_PROTOCOL:
        out.protocol = attr.host<uint16_t>();
        break;
      case IPVS_SVC_ATTR_ADDR:
        attr.copyTo(out.address);
        break;
      case IPVS_SVC_ATTR_PORT:
        out.port = attr.network<uint16_t>();
        break;
      case IPVS_SVC_ATTR_FWMARK:
        out.fwmark = attr.host<uint32_t>();
        out.byFwmark = 1;
        break;
      case IPVS_SVC_ATTR_SCHED_NAME:
        nl::copyString(out.scheduler, attr.text());
        break;
      case IPVS_SVC_ATTR_PE_NAME:
        nl::copyString(out.engine, attr.text());
        break;
      case IPVS_SVC_ATTR_FLAGS:
        out.flags = attr.host<uint32_t>();
        break;
      case IPVS_SVC_ATTR_TIMEOUT:
        out.timeout = attr.host<uint32_t>();
        break;
      case IPVS_SVC_ATTR_NETMASK:
        attr.copyTo(out.netmask);
        break;
      case IPVS_SVC_ATTR_STATS:
        takeStats(attr, false, out);
        break;
      case IPVS_SVC_ATTR_STATS64:
        takeStats(attr, true, out);
        break;
      default:
        break;
    }
  }
}

void decodeDest(std::span<const uint8_t> nest, uint16_t serviceFamily,
                seam::IpvsDest& out) noexcept {
  AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPVS_DEST_ATTR_ADDR:
        attr.copyTo(out.address);
        break;
      case IPVS_DEST_ATTR_PORT:
        out.port = attr.network<uint16_t>();
        break;
      case IPVS_DEST_ATTR_FWD_METHOD:
        out.forwarding = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_WEIGHT:
        out.weight = static_cast<int32_t>(attr.host<uint32_t>());
        break;
      case IPVS_DEST_ATTR_U_THRESH:
        out.upperThreshold = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_L_THRESH:
        out.lowerThreshold = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_ACTIVE_CONNS:
        out.activeConnections = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_INACT_CONNS:
        out.inactiveConnections = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_PERSIST_CONNS:
        out.persistentConnections = attr.host<uint32_t>();
        break;
      case IPVS_DEST_ATTR_ADDR_FAMILY:
        out.family = attr.host<uint16_t>();
        break;
      case IPVS_DEST_ATTR_TUN_TYPE:
        out.tunnelType = attr.host<uint8_t>();
        break;
      case IPVS_DEST_ATTR_TUN_PORT:
        out.tunnelPort = attr.network<uint16_t>();
        break;
      case IPVS_DEST_ATTR_TUN_FLAGS:
        out.tunnelFlags = attr.host<uint16_t>();
        break;
      case IPVS_DEST_ATTR_STATS:
        takeStats(attr, false, out);
        break;
      case IPVS_DEST_ATTR_STATS64:
        takeStats(attr, true, out);
        break;
      default:
        break;
    }
  }
  if (out.family == AF_UNSPEC) out.family = serviceFamily;
}

void decodeDaemon(std::span<const uint8_t> nest, seam::IpvsDaemon& out) noexcept {
  const auto came = [&out](seam::DaemonParts part) {
    out.parts = static_cast<uint8_t>(out.parts | part);
  };
  AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPVS_DAEMON_ATTR_STATE:
        out.state = attr.host<uint32_t>();
        break;
      case IPVS_DAEMON_ATTR_SYNC_ID:
        out.syncId = attr.host<uint32_t>();
        break;
      case IPVS_DAEMON_ATTR_MCAST_IFN:
        nl::copyString(out.interface, attr.text());
        break;
      case IPVS_DAEMON_ATTR_SYNC_MAXLEN:
        out.maxLen = attr.host<uint16_t>();
        came(seam::kDaemonMaxLen);
        break;
      case IPVS_DAEMON_ATTR_MCAST_GROUP:
        attr.copyTo(out.group);
        came(seam::kDaemonGroup4);
        break;
      case IPVS_DAEMON_ATTR_MCAST_GROUP6:
        attr.copyTo(out.group);
        came(seam::kDaemonGroup6);
        break;
      case IPVS_DAEMON_ATTR_MCAST_PORT:
        out.port = attr.host<uint16_t>();
        came(seam::kDaemonPort);
        break;
      case IPVS_DAEMON_ATTR_MCAST_TTL:
        out.ttl = attr.host<uint8_t>();
        came(seam::kDaemonTtl);
        break;
      default:
        break;
    }
  }
}

void decodeConfig(std::span<const uint8_t> attributes, seam::IpvsConfig& out) noexcept {
  AttrReader reader(attributes);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPVS_CMD_ATTR_TIMEOUT_TCP:
        out.tcpTimeout = attr.host<uint32_t>();
        break;
      case IPVS_CMD_ATTR_TIMEOUT_TCP_FIN:
        out.tcpFinTimeout = attr.host<uint32_t>();
        break;
      case IPVS_CMD_ATTR_TIMEOUT_UDP:
        out.udpTimeout = attr.host<uint32_t>();
        break;
      default:
        break;
    }
  }
}

void decodeInfo(std::span<const uint8_t> attributes, seam::IpvsConfig& out) noexcept {
  AttrReader reader(attributes);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPVS_INFO_ATTR_VERSION:
        out.version = attr.host<uint32_t>();
        break;
      case IPVS_INFO_ATTR_CONN_TAB_SIZE:
        out.connectionTableSize = attr.host<uint32_t>();
        break;
      default:
        break;
    }
  }
}

}  // namespace ipvs
