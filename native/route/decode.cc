#include "route/decode.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "nl/attr.h"

namespace route {

using nl::Attr;
using nl::AttrReader;

bool decodeLink(const nl::Message& message, seam::Link& out) noexcept {
  if (message.body.size() < sizeof(ifinfomsg)) return false;
  const auto header = nl::load<ifinfomsg>(message.body.data());
  out.index = static_cast<uint32_t>(header.ifi_index);
  out.flags = header.ifi_flags;
  AttrReader reader(message.attributes(sizeof(ifinfomsg)));
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IFLA_IFNAME:
        nl::copyString(out.name, attr.text());
        break;
      case IFLA_MTU:
        out.mtu = attr.host<uint32_t>();
        break;
      case IFLA_ADDRESS:
        attr.copyTo(out.mac);
        out.macLength = static_cast<uint8_t>(std::min(attr.payload.size(), sizeof out.mac));
        break;
      case IFLA_LINKINFO:
        nl::copyString(out.kind, nl::findAttr(attr.payload, IFLA_INFO_KIND).text());
        break;
      default:
        break;
    }
  }
  return true;
}

bool decodeAddress(const nl::Message& message, seam::LinkAddress& out) noexcept {
  if (message.body.size() < sizeof(ifaddrmsg)) return false;
  const auto header = nl::load<ifaddrmsg>(message.body.data());
  out.index = header.ifa_index;
  out.family = header.ifa_family;
  out.prefix = header.ifa_prefixlen;
  out.scope = header.ifa_scope;
  out.flags = header.ifa_flags;
  bool local = false;
  AttrReader reader(message.attributes(sizeof(ifaddrmsg)));
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      // On a point-to-point link ADDRESS is the peer's one.
      case IFA_LOCAL:
        attr.copyTo(out.address);
        local = true;
        break;
      case IFA_ADDRESS:
        if (!local) attr.copyTo(out.address);
        break;
      case IFA_FLAGS:
        out.flags = attr.host<uint32_t>();
        break;
      default:
        break;
    }
  }
  return true;
}

}  // namespace route
