// Mutated messages through every decoder, the same ones on every run. The sanitizer build is what
// makes it bite; the libFuzzer target (decoders_fuzzer.cc) goes further where clang is at hand.
#include <linux/ip_vs.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>
#include <vector>

#include "ipset/attributes.h"
#include "test/check.h"
#include "test/decode_all.h"

namespace {

using Buffer = std::vector<uint8_t>;

Buffer encoded(const seam::Request& request) {
  nl::Bytes out;
  seam::encodeRun(request, out);
  return {out.span().begin(), out.span().end()};
}

template <class Record>
Buffer encodedRecord(seam::Shape shape, const Record& record) {
  seam::Request request;
  request.shape = shape;
  request.records.append(&record, sizeof record);
  return encoded(request);
}

/// As if the kernel listed what the request adds.
Buffer asListing(Buffer bytes) {
  bytes[4] = IPSET_CMD_LIST;
  return bytes;
}

/// A deletion of a flow as the kernel lists one: its tuple once more, for the other direction.
Buffer asFlow(Buffer bytes) {
  constexpr size_t kTuple = sizeof(nlmsghdr) + 4;
  const auto length = nl::load<uint16_t>(bytes.data() + kTuple);
  Buffer reply(bytes.begin() + kTuple, bytes.begin() + kTuple + length);
  reply[2] = CTA_TUPLE_REPLY;
  bytes.insert(bytes.end(), reply.begin(), reply.end());
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &size, sizeof size);
  bytes[4] = IPCTNL_MSG_CT_NEW;
  return bytes;
}

std::vector<Buffer> seeds() {
  std::vector<Buffer> all;
  seam::IpvsOp op{};
  op.parts = 0x7f;
  op.family = AF_INET;
  op.destFamily = AF_INET6;
  for (const uint32_t command :
       {IPVS_CMD_NEW_SERVICE, IPVS_CMD_NEW_DEST, IPVS_CMD_NEW_DAEMON, IPVS_CMD_SET_CONFIG}) {
    op.command = command;
    op.daemonParts = 0x1f;
    all.push_back(encodedRecord(seam::Shape::kIpvsOp, op));
  }
  seam::SetCommand create{};
  create.command = IPSET_CMD_CREATE;
  create.options = 0xfffff;
  std::memcpy(create.name, "web", 3);
  std::memcpy(create.name2, "hash:ip", 7);
  all.push_back(asListing(encodedRecord(seam::Shape::kSetCommand, create)));
  seam::Request entries;
  entries.shape = seam::Shape::kSetEntry;
  entries.hasHead = true;
  entries.head.command = IPSET_CMD_ADD;
  std::memcpy(entries.head.name, "web", 3);
  entries.heap.append("eth0comment", 11);
  for (uint8_t i = 0; i < 4; ++i) {
    seam::SetEntry entry{};
    entry.parts = 0x3fffff & ~seam::kEntryName;
    entry.family = i % 2 == 0 ? AF_INET : AF_INET6;
    entry.nameLength = 4;
    entry.commentOffset = 4;
    entry.commentLength = 7;
    entries.records.append(&entry, sizeof entry);
  }
  all.push_back(asListing(encoded(entries)));
  seam::LinkOp link{};
  link.command = RTM_NEWLINK;
  std::memcpy(link.name, "br0", 3);
  std::memcpy(link.kind, "bridge", 6);
  all.push_back(encodedRecord(seam::Shape::kLinkOp, link));
  link.command = RTM_NEWADDR;
  link.family = AF_INET6;
  link.addressFlags = 2;
  all.push_back(encodedRecord(seam::Shape::kLinkOp, link));
  seam::ConntrackOp flow{};
  flow.command = IPCTNL_MSG_CT_DELETE;
  flow.family = AF_INET;
  flow.protocol = IPPROTO_UDP;
  flow.sourcePort = 40000;
  flow.destinationPort = 53;
  flow.zone = 7;
  flow.id = 0x12345678;
  all.push_back(asFlow(encodedRecord(seam::Shape::kConntrackOp, flow)));
  return all;
}

Buffer mutated(const std::vector<Buffer>& from, std::mt19937& random) {
  const auto pick = [&random](size_t below) { return static_cast<size_t>(random()) % below; };
  Buffer bytes = from[pick(from.size())];
  // Sometimes two messages in one datagram.
  if (pick(4) == 0) {
    const Buffer& second = from[pick(from.size())];
    bytes.insert(bytes.end(), second.begin(), second.end());
  }
  for (size_t i = pick(8); i > 0; --i) bytes[pick(bytes.size())] = static_cast<uint8_t>(random());
  // Lengths and types stand in the first bytes of aligned words: hit those more often.
  for (size_t i = pick(4); i > 0; --i)
    bytes[pick(bytes.size() / 4) * 4] = static_cast<uint8_t>(pick(64));
  if (pick(5) == 0) bytes.resize(pick(bytes.size()) + 1);
  return bytes;
}

TEST_CASE("decoders survive mutated messages") {
  const std::vector<Buffer> from = seeds();
  std::mt19937 random(20);
  for (int i = 0; i < 200000; ++i) decodeAll(mutated(from, random));
  CHECK_EQUAL(from.size(), 9U);
}

TEST_CASE("decoders survive every shorter form of a message") {
  for (const Buffer& seed : seeds()) {
    for (size_t size = 0; size <= seed.size(); ++size) {
      Buffer cut(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
      decodeAll(cut);
      if (size < 4) continue;
      // The same with a length that admits it.
      const auto length = static_cast<uint32_t>(size);
      std::memcpy(cut.data(), &length, sizeof length);
      decodeAll(cut);
    }
  }
}

TEST_CASE("the seeds say something to the decoders") {
  size_t records = 0;
  for (const Buffer& seed : seeds()) {
    for (const auto subsystem : {seam::Subsystem::kIpvs, seam::Subsystem::kIpset,
                                 seam::Subsystem::kRoute, seam::Subsystem::kConntrack}) {
      seam::Reply reply;
      seam::decodeDatagrams(subsystem, seed, reply);
      records += reply.ipvsServices.count() + reply.ipvsDests.count() + reply.ipvsDaemons.count() +
                 reply.ipvsConfigs.count() + reply.setHeaders.count() + reply.setEntries.count() +
                 reply.links.count() + reply.linkAddresses.count() + reply.flows.count();
    }
  }
  // One for each but the listing of elements, which has a header and four.
  CHECK(records >= 13);
}

}  // namespace

TEST_MAIN()
