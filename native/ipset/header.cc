#include "ipset/header.h"

#include "ipset/attributes.h"
#include "ipset/entry.h"

namespace ipset {

namespace {

using nl::Attr;
using nl::AttrReader;
using seam::SetHeader;

template <size_t N>
void takeHeaderAddress(const Attr& attr, seam::SetOptions option, uint8_t (&field)[N],
                       SetHeader& out) noexcept {
  uint8_t family = 0;
  if (takeAddress(attr, field, family)) out.options |= option;
}

/// DATA of a set: its create options and what the kernel knows beyond them.
void decodeOptions(std::span<const uint8_t> nest, SetHeader& out) noexcept {
  const auto came = [&out](seam::SetOptions option) { out.options |= option; };
  AttrReader reader(nest);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPSET_ATTR_IP:
        takeHeaderAddress(attr, seam::kSetIp, out.ip, out);
        break;
      case IPSET_ATTR_IP_TO:
        takeHeaderAddress(attr, seam::kSetIpTo, out.ipTo, out);
        break;
      case kBitmask:
        takeHeaderAddress(attr, seam::kSetBitmask, out.bitmask, out);
        break;
      case IPSET_ATTR_PORT:
        out.port = attr.flagged<uint16_t>();
        came(seam::kSetPort);
        break;
      case IPSET_ATTR_PORT_TO:
        out.portTo = attr.flagged<uint16_t>();
        came(seam::kSetPortTo);
        break;
      case IPSET_ATTR_TIMEOUT:
        out.timeout = attr.flagged<uint32_t>();
        came(seam::kSetTimeout);
        break;
      case IPSET_ATTR_CADT_FLAGS:
        out.cadtFlags = attr.flagged<uint32_t>();
        came(seam::kSetCadtFlags);
        break;
      // Comes in host order, unlike in a create: the flag decides.
      case IPSET_ATTR_MARKMASK:
        out.markMask = attr.flagged<uint32_t>();
        came(seam::kSetMarkMask);
        break;
      case kInitVal:
        out.initVal = attr.flagged<uint32_t>();
        came(seam::kSetInitVal);
        break;
      case IPSET_ATTR_HASHSIZE:
        out.hashSize = attr.flagged<uint32_t>();
        came(seam::kSetHashSize);
        break;
      case IPSET_ATTR_MAXELEM:
        out.maxElem = attr.flagged<uint32_t>();
        came(seam::kSetMaxElem);
        break;
      case IPSET_ATTR_NETMASK:
        out.netmask = attr.host<uint8_t>();
        came(seam::kSetNetmask);
        break;
      case kBucketSize:
        out.bucketSize = attr.host<uint8_t>();
        came(seam::kSetBucketSize);
        break;
      case IPSET_ATTR_SIZE:
        out.listSize = attr.flagged<uint32_t>();
        came(seam::kSetSize);
        break;
      case IPSET_ATTR_ELEMENTS:
        out.elements = attr.flagged<uint32_t>();
        came(seam::kSetElements);
        break;
      case IPSET_ATTR_REFERENCES:
        out.references = attr.flagged<uint32_t>();
        came(seam::kSetReferences);
        break;
      case IPSET_ATTR_MEMSIZE:
        out.memSize = attr.flagged<uint32_t>();
        came(seam::kSetMemSize);
        break;
      default:
        break;
    }
  }
}

/// Everything at the top level but the elements.
void decodeTop(std::span<const uint8_t> attributes, SetHeader& out) noexcept {
  const auto came = [&out](seam::SetOptions option) { out.options |= option; };
  AttrReader reader(attributes);
  for (Attr attr; reader.next(attr);) {
    switch (attr.type) {
      case IPSET_ATTR_PROTOCOL:
        out.protocol = attr.host<uint8_t>();
        came(seam::kSetProtocol);
        break;
      case IPSET_ATTR_SETNAME:
        nl::copyString(out.name, attr.text());
        break;
      case IPSET_ATTR_TYPENAME:
        nl::copyString(out.type, attr.text());
        break;
      case IPSET_ATTR_REVISION:
        out.revision = attr.host<uint8_t>();
        came(seam::kSetRevision);
        break;
      case IPSET_ATTR_FAMILY:
        out.family = attr.host<uint8_t>();
        came(seam::kSetFamily);
        break;
      case IPSET_ATTR_INDEX:
        out.index = attr.flagged<uint16_t>();
        came(seam::kSetIndex);
        break;
      case IPSET_ATTR_DATA:
        decodeOptions(attr.payload, out);
        break;
      default:
        break;
    }
  }
}

/// Attribute 10 means one thing in an answer to PROTOCOL, another in one to TYPE.
void decodeMinimum(uint8_t command, const Attr& attr, SetHeader& out) noexcept {
  if (attr.payload.empty()) return;
  if (command == IPSET_CMD_TYPE) {
    out.revisionMin = attr.host<uint8_t>();
    out.options |= seam::kSetRevisionMin;
  } else {
    out.protocolMin = attr.host<uint8_t>();
    out.options |= seam::kSetProtocolMin;
  }
}

}  // namespace

void decodeAnswer(const nl::Message& message, uint32_t op, seam::Reply& reply) noexcept {
  SetHeader* header = reply.setHeaders.add();
  if (header == nullptr) return;
  const auto attributes = message.attributes(sizeof(nfgenmsg));
  header->op = op;
  header->firstEntry = reply.setEntries.count();
  decodeTop(attributes, *header);
  decodeMinimum(static_cast<uint8_t>(message.header.nlmsg_type & 0xff),
                nl::findAttr(attributes, IPSET_ATTR_PROTOCOL_MIN), *header);
}

void ListDecoder::take(const nl::Message& message) noexcept {
  const auto attributes = message.attributes(sizeof(nfgenmsg));
  const std::string_view name = nl::findAttr(attributes, IPSET_ATTR_SETNAME).text();
  const bool first =
      nl::findAttr(attributes, IPSET_ATTR_TYPENAME).type != 0 || reply_.setHeaders.count() == 0 ||
      nl::inlineString(reply_.setHeaders[reply_.setHeaders.count() - 1].name) != name;
  if (first) {
    SetHeader* header = reply_.setHeaders.add();
    if (header == nullptr) return;
    header->firstEntry = reply_.setEntries.count();
    decodeTop(attributes, *header);
  }
  SetHeader& header = reply_.setHeaders[reply_.setHeaders.count() - 1];
  AttrReader elements(nl::findAttr(attributes, IPSET_ATTR_ADT).payload);
  for (Attr attr; elements.next(attr);) {
    if (attr.type != IPSET_ATTR_DATA) continue;
    seam::SetEntry* entry = reply_.setEntries.add();
    if (entry == nullptr) return;
    decodeEntry(attr.payload, *entry, reply_.heap);
    ++header.entryCount;
  }
}

}  // namespace ipset
