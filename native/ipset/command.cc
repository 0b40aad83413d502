#include "ipset/command.h"

#include "ipset/attributes.h"

namespace ipset {

namespace {

using nl::MessageWriter;
using seam::SetCommand;

constexpr uint32_t kCreateOptions = seam::kSetHashSize | seam::kSetMaxElem | seam::kSetTimeout |
                                    seam::kSetCadtFlags | seam::kSetInitVal | seam::kSetMarkMask |
                                    seam::kSetSize | seam::kSetPort | seam::kSetPortTo |
                                    seam::kSetNetmask | seam::kSetBucketSize | seam::kSetCidr |
                                    seam::kSetIp | seam::kSetIpTo | seam::kSetBitmask;

void putCreateOptions(const SetCommand& c, MessageWriter& w) noexcept {
  const auto given = [&c](seam::SetOptions option) { return (c.options & option) != 0; };
  const bool ipv6 = c.family == AF_INET6;
  const auto data = w.nest(nested(IPSET_ATTR_DATA));
  if (given(seam::kSetIp)) putAddress(w, IPSET_ATTR_IP, ipv6, c.ip);
  if (given(seam::kSetIpTo)) putAddress(w, IPSET_ATTR_IP_TO, ipv6, c.ipTo);
  if (given(seam::kSetCidr)) w.put(IPSET_ATTR_CIDR, c.cidr);
  if (given(seam::kSetPort)) w.putFlagged(IPSET_ATTR_PORT, c.port);
  if (given(seam::kSetPortTo)) w.putFlagged(IPSET_ATTR_PORT_TO, c.portTo);
  if (given(seam::kSetTimeout)) w.putFlagged(IPSET_ATTR_TIMEOUT, c.timeout);
  if (given(seam::kSetCadtFlags)) w.putFlagged(IPSET_ATTR_CADT_FLAGS, c.cadtFlags);
  if (given(seam::kSetMarkMask)) w.putFlagged(IPSET_ATTR_MARKMASK, c.markMask);
  if (given(seam::kSetBitmask)) putAddress(w, kBitmask, ipv6, c.bitmask);
  if (given(seam::kSetInitVal)) w.putFlagged(kInitVal, c.initVal);
  if (given(seam::kSetHashSize)) w.putFlagged(IPSET_ATTR_HASHSIZE, c.hashSize);
  if (given(seam::kSetMaxElem)) w.putFlagged(IPSET_ATTR_MAXELEM, c.maxElem);
  if (given(seam::kSetNetmask)) w.put(IPSET_ATTR_NETMASK, c.netmask);
  if (given(seam::kSetBucketSize)) w.put(kBucketSize, c.bucketSize);
  if (given(seam::kSetSize)) w.putFlagged(IPSET_ATTR_SIZE, c.listSize);
}

void putName2(const SetCommand& c, MessageWriter& w) noexcept {
  static_assert(static_cast<int>(IPSET_ATTR_TYPENAME) == static_cast<int>(IPSET_ATTR_SETNAME2));
  const std::string_view name = nl::inlineString(c.name2);
  if (!name.empty()) w.putString(IPSET_ATTR_TYPENAME, name);
}

}  // namespace

void encodeCommand(const SetCommand& c, uint32_t sequence, bool dump, MessageWriter& w) noexcept {
  // LIST parses strictly and its flags would collide: EXCL is one of the two bits of DUMP.
  const uint16_t flags = dump ? NLM_F_DUMP : c.exist != 0 ? 0 : NLM_F_EXCL;
  beginMessage(w, c.command, flags, sequence, c.protocol);
  const std::string_view name = nl::inlineString(c.name);
  if (!name.empty()) w.putString(IPSET_ATTR_SETNAME, name);
  putName2(c, w);
  if ((c.options & seam::kSetRevision) != 0) w.put(IPSET_ATTR_REVISION, c.revision);
  if ((c.options & seam::kSetFamily) != 0) w.put(IPSET_ATTR_FAMILY, c.family);
  if (c.listFlags != 0) w.putFlagged(IPSET_ATTR_FLAGS, c.listFlags);
  if ((c.options & seam::kSetIndex) != 0) w.putFlagged(IPSET_ATTR_INDEX, c.index);
  if ((c.options & kCreateOptions) != 0) putCreateOptions(c, w);
  w.end();
}

}  // namespace ipset
