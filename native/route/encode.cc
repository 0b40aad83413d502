#include "route/encode.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace route {

namespace {

using nl::MessageWriter;
using seam::LinkOp;

// Statistics are most of the bytes of a link and nobody asks for them here.
constexpr uint32_t kNoStatistics = RTEXT_FILTER_SKIP_STATS;

uint16_t flagsOf(const LinkOp& op) noexcept {
  switch (op.command) {
    case RTM_NEWLINK:
      return NLM_F_REQUEST | NLM_F_CREATE | (op.exclusive != 0 ? NLM_F_EXCL : 0);
    case RTM_NEWADDR:
      return NLM_F_REQUEST | NLM_F_CREATE | (op.exclusive != 0 ? NLM_F_EXCL : NLM_F_REPLACE);
    default:
      return NLM_F_REQUEST;
  }
}

void encodeLink(const LinkOp& op, uint32_t sequence, MessageWriter& w) noexcept {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(op.index);
  header.ifi_flags = op.flags;
  header.ifi_change = op.flagsMask;
  w.begin(static_cast<uint16_t>(op.command), flagsOf(op), sequence, header);
  const std::string_view name = nl::inlineString(op.name);
  if (!name.empty()) w.putString(IFLA_IFNAME, name);
  if (op.command == RTM_GETLINK) w.put(IFLA_EXT_MASK, kNoStatistics);
  const std::string_view kind = nl::inlineString(op.kind);
  if (!kind.empty()) {
    const auto info = w.nest(IFLA_LINKINFO);
    w.putString(IFLA_INFO_KIND, kind);
  }
  w.end();
}

void encodeAddress(const LinkOp& op, uint32_t sequence, MessageWriter& w) noexcept {
  const ifaddrmsg header{.ifa_family = op.family,
                         .ifa_prefixlen = op.prefix,
                         .ifa_flags = 0,
                         .ifa_scope = op.scope,
                         .ifa_index = op.index};
  w.begin(static_cast<uint16_t>(op.command), flagsOf(op), sequence, header);
  const size_t size = op.family == AF_INET6 ? 16 : 4;
  w.put(IFA_LOCAL, op.address, size);
  w.put(IFA_ADDRESS, op.address, size);
  if (op.addressFlags != 0) w.put(IFA_FLAGS, op.addressFlags);
  w.end();
}

}  // namespace

void encode(const LinkOp& op, uint32_t sequence, MessageWriter& w) noexcept {
  switch (op.command) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_GETADDR:
      encodeAddress(op, sequence, w);
      break;
    default:
      encodeLink(op, sequence, w);
  }
}

void encodeDump(const LinkOp& op, MessageWriter& w) noexcept {
  constexpr uint16_t kFlags = NLM_F_REQUEST | NLM_F_DUMP;
  if (op.command == RTM_GETADDR) {
    // Strict checking refuses anything else in the header.
    const ifaddrmsg header{.ifa_family = op.family,
                           .ifa_prefixlen = 0,
                           .ifa_flags = 0,
                           .ifa_scope = 0,
                           .ifa_index = op.index};
    w.begin(RTM_GETADDR, kFlags, 0, header);
  } else {
    w.begin(RTM_GETLINK, kFlags, 0, ifinfomsg{});
    w.put(IFLA_EXT_MASK, kNoStatistics);
  }
  w.end();
}

}  // namespace route
