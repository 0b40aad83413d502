#include "conntrack/message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <cstring>

#include "nl/attr.h"

namespace conntrack {

namespace {

using nl::Attr;
using nl::AttrReader;
using nl::MessageWriter;
using seam::ConntrackFlow;
using seam::ConntrackOp;

// Newer than the oldest headers that this builds with: Linux 5.8.
constexpr uint16_t kFilter = 25;
constexpr uint16_t kFilterOrigFlags = 1;
constexpr uint32_t kFilterProtocol = 1 << 3;  // the kernel's CTA_FILTER_F_CTA_PROTO_NUM

static_assert(CTA_TUPLE_ORIG == 1 && CTA_TUPLE_REPLY == 2 && CTA_ID == 12 && CTA_ZONE == 18);

constexpr uint16_t nested(int type) noexcept { return static_cast<uint16_t>(type | NLA_F_NESTED); }

void begin(int command, uint16_t flags, uint8_t family, uint32_t sequence,
           MessageWriter& w) noexcept {
  const nfgenmsg header{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = 0};
  w.begin(static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | command),
          static_cast<uint16_t>(NLM_F_REQUEST | flags), sequence, header);
}

void putAddresses(const ConntrackOp& op, MessageWriter& w) noexcept {
  const auto nest = w.nest(nested(CTA_TUPLE_IP));
  if (op.family == AF_INET6) {
    w.put(CTA_IP_V6_SRC, op.source, 16);
    w.put(CTA_IP_V6_DST, op.destination, 16);
  } else {
    w.put(CTA_IP_V4_SRC, op.source, 4);
    w.put(CTA_IP_V4_DST, op.destination, 4);
  }
}

/// Where the parts of a tuple go.
struct TupleView {
  uint8_t (&source)[16];
  uint8_t (&destination)[16];
  uint16_t& sourcePort;
  uint16_t& destinationPort;
};

void decodeTuple(const Attr& tuple, TupleView out, uint8_t& protocol) noexcept {
  AttrReader parts(tuple.payload);
  for (Attr part; parts.next(part);) {
    AttrReader reader(part.payload);
    for (Attr attr; reader.next(attr);) {
      if (part.type == CTA_TUPLE_IP) {
        if (attr.type == CTA_IP_V4_SRC || attr.type == CTA_IP_V6_SRC) attr.copyTo(out.source);
        if (attr.type == CTA_IP_V4_DST || attr.type == CTA_IP_V6_DST) attr.copyTo(out.destination);
      } else if (part.type == CTA_TUPLE_PROTO) {
        if (attr.type == CTA_PROTO_NUM) protocol = attr.host<uint8_t>();
        if (attr.type == CTA_PROTO_SRC_PORT) out.sourcePort = attr.network<uint16_t>();
        if (attr.type == CTA_PROTO_DST_PORT) out.destinationPort = attr.network<uint16_t>();
      }
    }
  }
}

}  // namespace

void encodeDelete(const ConntrackOp& op, uint32_t sequence, MessageWriter& w) noexcept {
  begin(IPCTNL_MSG_CT_DELETE, 0, op.family, sequence, w);
  {
    const auto tuple = w.nest(nested(CTA_TUPLE_ORIG));
    putAddresses(op, w);
    const auto protocol = w.nest(nested(CTA_TUPLE_PROTO));
    w.put(CTA_PROTO_NUM, op.protocol);
    w.putNetwork(CTA_PROTO_SRC_PORT, op.sourcePort);
    w.putNetwork(CTA_PROTO_DST_PORT, op.destinationPort);
  }
  if (op.zone != 0) w.putNetwork(CTA_ZONE, op.zone);
  // With the id only this very flow goes, not one that has taken its place.
  if (op.id != 0) w.put(CTA_ID, op.id);
  w.end();
}

void encodeDump(const ConntrackOp& op, MessageWriter& w) noexcept {
  begin(IPCTNL_MSG_CT_GET, NLM_F_DUMP, op.family, 0, w);
  // Filters need a family.
  if (op.family != AF_UNSPEC && op.protocol != 0) {
    {
      const auto tuple = w.nest(nested(CTA_TUPLE_ORIG));
      const auto protocol = w.nest(nested(CTA_TUPLE_PROTO));
      w.put(CTA_PROTO_NUM, op.protocol);
    }
    const auto filter = w.nest(nested(kFilter));
    w.put(kFilterOrigFlags, kFilterProtocol);
  }
  w.end();
}

bool decodeFlow(const nl::Message& message, ConntrackFlow& out) noexcept {
  if (message.body.size() < sizeof(nfgenmsg)) return false;
  out.family = nl::load<nfgenmsg>(message.body.data()).nfgen_family;
  uint8_t tuples = 0;
  AttrReader reader(message.attributes(sizeof(nfgenmsg)));
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case CTA_TUPLE_ORIG:
        decodeTuple(attr, {out.source, out.destination, out.sourcePort, out.destinationPort},
                    out.protocol);
        tuples |= 1;
        break;
      case CTA_TUPLE_REPLY: {
        uint8_t protocol = 0;
        decodeTuple(
            attr,
            {out.replySource, out.replyDestination, out.replySourcePort, out.replyDestinationPort},
            protocol);
        tuples |= 2;
        break;
      }
      case CTA_STATUS:
        out.status = attr.network<uint32_t>();
        break;
      case CTA_TIMEOUT:
        out.timeout = attr.network<uint32_t>();
        break;
      case CTA_MARK:
        out.mark = attr.network<uint32_t>();
        break;
      case CTA_ZONE:
        out.zone = attr.network<uint16_t>();
        break;
      case CTA_ID:
        // Opaque: goes back as it came.
        out.id = attr.host<uint32_t>();
        break;
      default:
        break;
    }
  }
  return tuples == 3;
}

bool matches(const ConntrackOp& op, const ConntrackFlow& flow) noexcept {
  const auto asked = [&op](seam::FlowParts part) { return (op.parts & part) != 0; };
  const auto differ = [](const uint8_t(&a)[16], const uint8_t(&b)[16]) {
    return std::memcmp(a, b, sizeof a) != 0;
  };
  if (op.family != AF_UNSPEC && op.family != flow.family) return false;
  if (op.protocol != 0 && op.protocol != flow.protocol) return false;
  if (asked(seam::kFlowSource) && differ(op.source, flow.source)) return false;
  if (asked(seam::kFlowSourcePort) && op.sourcePort != flow.sourcePort) return false;
  if (asked(seam::kFlowDestination) && differ(op.destination, flow.destination)) return false;
  if (asked(seam::kFlowDestinationPort) && op.destinationPort != flow.destinationPort) return false;
  if (asked(seam::kFlowReplySource) && differ(op.replySource, flow.replySource)) return false;
  return !asked(seam::kFlowReplySourcePort) || op.replySourcePort == flow.replySourcePort;
}

}  // namespace conntrack
