#pragma once

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstdint>

#include "nl/writer.h"

namespace ipset {

/// Attributes that are newer than the oldest headers that this builds with.
inline constexpr uint16_t kBitmask = 12;     // Linux 6.2
inline constexpr uint16_t kInitVal = 17;     // 5.11; the number was free before
inline constexpr uint16_t kBucketSize = 21;  // 5.11

static_assert(IPSET_ATTR_MARKMASK == 11 && IPSET_ATTR_HASHSIZE == 18 && IPSET_ATTR_MEMSIZE == 26);
static_assert(IPSET_ATTR_ETHER == 17 && IPSET_ATTR_COMMENT == 26 && IPSET_ATTR_SKBQUEUE == 29);

/// Nests must say that they are ones, else the kernel refuses the message.
inline constexpr uint16_t nested(int type) noexcept {
  return static_cast<uint16_t>(type | NLA_F_NESTED);
}

/// Begin a message of the subsystem, up to and including the PROTOCOL attribute.
inline void beginMessage(nl::MessageWriter& writer, uint32_t command, uint16_t flags,
                         uint32_t sequence, uint8_t protocol) noexcept {
  const nfgenmsg header{.nfgen_family = AF_INET, .version = NFNETLINK_V0, .res_id = 0};
  writer.begin(static_cast<uint16_t>(NFNL_SUBSYS_IPSET << 8 | (command & 0xff)),
               static_cast<uint16_t>(NLM_F_REQUEST | flags), sequence, header);
  writer.put(IPSET_ATTR_PROTOCOL, protocol);
}

/// TYPE { IPADDR_IPV4 | IPADDR_IPV6 }
inline void putAddress(nl::MessageWriter& writer, int type, bool ipv6,
                       const uint8_t* address) noexcept {
  const auto nest = writer.nest(nested(type));
  if (ipv6) {
    writer.put(IPSET_ATTR_IPADDR_IPV6 | NLA_F_NET_BYTEORDER, address, 16);
  } else {
    writer.put(IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, address, 4);
  }
}

/// The address inside an address nest into `field`; false when there is none of a known size.
template <size_t N>
[[nodiscard]] bool takeAddress(const nl::Attr& nest, uint8_t (&field)[N],
                               uint8_t& family) noexcept {
  nl::AttrReader reader(nest.payload);
  for (nl::Attr attr; reader.next(attr);) {
    if (attr.type == IPSET_ATTR_IPADDR_IPV4 && attr.payload.size() >= 4) {
      std::memcpy(field, attr.payload.data(), 4);
      family = AF_INET;
      return true;
    }
    if (attr.type == IPSET_ATTR_IPADDR_IPV6 && attr.payload.size() >= 16 && N >= 16) {
      std::memcpy(field, attr.payload.data(), N < 16 ? N : 16);
      family = AF_INET6;
      return true;
    }
  }
  return false;
}

}  // namespace ipset
