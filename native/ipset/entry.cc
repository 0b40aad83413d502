#include "ipset/entry.h"

#include "ipset/attributes.h"

namespace ipset {

namespace {

using nl::Attr;
using nl::MessageWriter;
using seam::SetEntry;

std::string_view stringOf(std::span<const uint8_t> heap, uint32_t offset,
                          uint16_t length) noexcept {
  if (offset > heap.size() || length > heap.size() - offset) return {};
  return {reinterpret_cast<const char*>(heap.data()) + offset, length};
}

// Most elements have none of these: one question instead of seven.
constexpr uint32_t kExtensions = seam::kEntryTimeout | seam::kEntryBytes | seam::kEntryPackets |
                                 seam::kEntryComment | seam::kEntrySkbMark | seam::kEntrySkbPrio |
                                 seam::kEntrySkbQueue;
constexpr uint32_t kOtherParts = seam::kEntryCadtFlags | seam::kEntryMark | seam::kEntryMac |
                                 seam::kEntryName | seam::kEntryNameRef | seam::kEntryIface;
constexpr uint32_t kOtherAddresses =
    seam::kEntryIpTo | seam::kEntryCidr | seam::kEntryIp2 | seam::kEntryCidr2 | seam::kEntryIp2To;

void encodeAddresses(const SetEntry& e, MessageWriter& w) noexcept {
  const bool ipv6 = e.family == AF_INET6;
  if ((e.parts & seam::kEntryIp) != 0) putAddress(w, IPSET_ATTR_IP, ipv6, e.ip);
  if ((e.parts & kOtherAddresses) == 0) return;
  if ((e.parts & seam::kEntryIpTo) != 0) putAddress(w, IPSET_ATTR_IP_TO, false, e.ipTo);
  if ((e.parts & seam::kEntryCidr) != 0) w.put(IPSET_ATTR_CIDR, e.cidr);
  if ((e.parts & seam::kEntryIp2) != 0) putAddress(w, IPSET_ATTR_IP2, ipv6, e.ip2);
  if ((e.parts & seam::kEntryCidr2) != 0) w.put(IPSET_ATTR_CIDR2, e.cidr2);
  if ((e.parts & seam::kEntryIp2To) != 0) putAddress(w, IPSET_ATTR_IP2_TO, false, e.ip2To);
}

void encodeExtensions(const SetEntry& e, std::span<const uint8_t> heap, MessageWriter& w) noexcept {
  if ((e.parts & seam::kEntryTimeout) != 0) w.putFlagged(IPSET_ATTR_TIMEOUT, e.timeout);
  if ((e.parts & seam::kEntryBytes) != 0) w.putFlagged(IPSET_ATTR_BYTES, e.bytes);
  if ((e.parts & seam::kEntryPackets) != 0) w.putFlagged(IPSET_ATTR_PACKETS, e.packets);
  if ((e.parts & seam::kEntryComment) != 0) {
    w.putString(IPSET_ATTR_COMMENT, stringOf(heap, e.commentOffset, e.commentLength));
  }
  if ((e.parts & seam::kEntrySkbMark) != 0) {
    w.putFlagged(IPSET_ATTR_SKBMARK, uint64_t{e.skbMark} << 32 | e.skbMask);
  }
  if ((e.parts & seam::kEntrySkbPrio) != 0) w.putFlagged(IPSET_ATTR_SKBPRIO, e.skbPrio);
  if ((e.parts & seam::kEntrySkbQueue) != 0) w.putFlagged(IPSET_ATTR_SKBQUEUE, e.skbQueue);
}

/// Put the text of an attribute into the heap. Offsets have 32 bits: beyond, the listing fails as
/// for lack of memory.
void keepText(const Attr& attr, nl::Bytes& heap, uint32_t& offset, uint16_t& length) noexcept {
  const std::string_view text = attr.text();
  if (heap.size() > UINT32_MAX - text.size()) {
    heap.fail();
    return;
  }
  offset = static_cast<uint32_t>(heap.size());
  length = static_cast<uint16_t>(text.size());
  heap.append(text.data(), text.size());
}

template <size_t N>
void takeIp(const Attr& attr, seam::EntryParts part, uint8_t (&field)[N], SetEntry& out) noexcept {
  uint8_t family = out.family;
  if (!takeAddress(attr, field, family)) return;
  out.parts |= part;
  // The ends of ranges have room for IPv4 only and say nothing about the rest.
  if constexpr (N == 16) out.family = family;
}

void takeSkbMark(const Attr& attr, SetEntry& out) noexcept {
  const auto both = attr.flagged<uint64_t>();
  out.parts |= seam::kEntrySkbMark;
  out.skbMark = static_cast<uint32_t>(both >> 32);
  out.skbMask = static_cast<uint32_t>(both);
}

}  // namespace

void encodeEntry(const SetEntry& e, std::span<const uint8_t> heap, MessageWriter& w) noexcept {
  encodeAddresses(e, w);
  if ((e.parts & seam::kEntryPort) != 0) w.putFlagged(IPSET_ATTR_PORT, e.port);
  if ((e.parts & seam::kEntryPortTo) != 0) w.putFlagged(IPSET_ATTR_PORT_TO, e.portTo);
  if ((e.parts & seam::kEntryProto) != 0) w.put(IPSET_ATTR_PROTO, e.proto);
  if ((e.parts & (kOtherParts | kExtensions)) == 0) return;
  if ((e.parts & seam::kEntryCadtFlags) != 0) w.putFlagged(IPSET_ATTR_CADT_FLAGS, e.cadtFlags);
  if ((e.parts & seam::kEntryMark) != 0) w.putFlagged(IPSET_ATTR_MARK, e.mark);
  if ((e.parts & seam::kEntryMac) != 0) w.put(IPSET_ATTR_ETHER, e.mac, sizeof e.mac);
  if ((e.parts & seam::kEntryName) != 0) {
    w.putString(IPSET_ATTR_NAME, stringOf(heap, e.nameOffset, e.nameLength));
  }
  if ((e.parts & seam::kEntryNameRef) != 0) {
    w.putString(IPSET_ATTR_NAMEREF, stringOf(heap, e.refOffset, e.refLength));
  }
  if ((e.parts & seam::kEntryIface) != 0) {
    w.putString(IPSET_ATTR_IFACE, stringOf(heap, e.nameOffset, e.nameLength));
  }
  encodeExtensions(e, heap, w);
}

void decodeEntry(std::span<const uint8_t> nest, SetEntry& out, nl::Bytes& heap) noexcept {
  const auto came = [&out](seam::EntryParts part) { out.parts |= part; };
  nl::AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPSET_ATTR_IP:
        takeIp(attr, seam::kEntryIp, out.ip, out);
        break;
      case IPSET_ATTR_IP_TO:
        takeIp(attr, seam::kEntryIpTo, out.ipTo, out);
        break;
      case IPSET_ATTR_IP2:
        takeIp(attr, seam::kEntryIp2, out.ip2, out);
        break;
      case IPSET_ATTR_IP2_TO:
        takeIp(attr, seam::kEntryIp2To, out.ip2To, out);
        break;
      case IPSET_ATTR_CIDR:
        out.cidr = attr.host<uint8_t>();
        came(seam::kEntryCidr);
        break;
      case IPSET_ATTR_CIDR2:
        out.cidr2 = attr.host<uint8_t>();
        came(seam::kEntryCidr2);
        break;
      case IPSET_ATTR_PORT:
        out.port = attr.flagged<uint16_t>();
        came(seam::kEntryPort);
        break;
      case IPSET_ATTR_PORT_TO:
        out.portTo = attr.flagged<uint16_t>();
        came(seam::kEntryPortTo);
        break;
      case IPSET_ATTR_PROTO:
        out.proto = attr.host<uint8_t>();
        came(seam::kEntryProto);
        break;
      case IPSET_ATTR_TIMEOUT:
        out.timeout = attr.flagged<uint32_t>();
        came(seam::kEntryTimeout);
        break;
      case IPSET_ATTR_CADT_FLAGS:
        out.cadtFlags = attr.flagged<uint32_t>();
        came(seam::kEntryCadtFlags);
        break;
      case IPSET_ATTR_MARK:
        out.mark = attr.flagged<uint32_t>();
        came(seam::kEntryMark);
        break;
      case IPSET_ATTR_ETHER:
        attr.copyTo(out.mac);
        came(seam::kEntryMac);
        break;
      case IPSET_ATTR_NAME:
        keepText(attr, heap, out.nameOffset, out.nameLength);
        came(seam::kEntryName);
        break;
      case IPSET_ATTR_IFACE:
        keepText(attr, heap, out.nameOffset, out.nameLength);
        came(seam::kEntryIface);
        break;
      case IPSET_ATTR_NAMEREF:
        keepText(attr, heap, out.refOffset, out.refLength);
        came(seam::kEntryNameRef);
        break;
      case IPSET_ATTR_BYTES:
        out.bytes = attr.flagged<uint64_t>();
        came(seam::kEntryBytes);
        break;
      case IPSET_ATTR_PACKETS:
        out.packets = attr.flagged<uint64_t>();
        came(seam::kEntryPackets);
        break;
      case IPSET_ATTR_COMMENT:
        keepText(attr, heap, out.commentOffset, out.commentLength);
        came(seam::kEntryComment);
        break;
      case IPSET_ATTR_SKBMARK:
        takeSkbMark(attr, out);
        break;
      case IPSET_ATTR_SKBPRIO:
        out.skbPrio = attr.flagged<uint32_t>();
        came(seam::kEntrySkbPrio);
        break;
      case IPSET_ATTR_SKBQUEUE:
        out.skbQueue = attr.flagged<uint16_t>();
        came(seam::kEntrySkbQueue);
        break;
      default:
        break;
    }
  }
}

}  // namespace ipset
