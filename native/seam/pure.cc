#include "seam/pure.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cerrno>

#include "conntrack/flows.h"
#include "ipset/attributes.h"
#include "ipset/entry_writer.h"
#include "ipset/header.h"
#include "ipset/load.h"
#include "ipset/requests.h"
#include "ipvs/message.h"
#include "ipvs/requests.h"
#include "nl/pipeline.h"
#include "route/links.h"

namespace seam {

namespace {

constexpr uint32_t kDefaultBuffer = 212992;

/// Seals a window, appends it and starts the next one.
class Collector {
 public:
  explicit Collector(nl::Bytes& out) noexcept : out_(out) { window.reset(1); }

  void flush() noexcept {
    window.seal();
    out_.append(window.bytes().data(), window.bytes().size());
    messages_ += window.messages();
    window.reset(messages_ + 1);
  }
  [[nodiscard]] uint32_t messages() const noexcept { return messages_; }

  nl::Window window{nl::WindowLimits::forBuffers(kDefaultBuffer, kDefaultBuffer)};

 private:
  nl::Bytes& out_;
  uint32_t messages_ = 0;
};

uint32_t encodeRequests(nl::Requests& requests, bool single, nl::Bytes& out) noexcept {
  Collector collector(out);
  uint32_t next = 0;
  while (next < requests.count()) {
    next = nl::fillWindow(collector.window, requests, next, single);
    collector.flush();
  }
  return collector.messages();
}

uint32_t encodeEntries(const Request& request, nl::Bytes& out) noexcept {
  const ipset::EntryJob job{
      .entries = request.as<SetEntry>(), .heap = request.heap.span(), .head = request.head};
  const ipset::EntryWriter writer(job);
  const auto count = static_cast<uint32_t>(job.entries.size());
  const ipset::EntryPace pace{.perMessage = writer.tests() ? 1 : ipset::EntryPace::kUnlimited,
                              .numbered = true,
                              .careful = true};
  Collector collector(out);
  uint32_t next = 0;
  while (next < count) {
    do {
      next = writer.write(collector.window, next, count, pace, job.head.exist == 0);
    } while (next < count && !request.stopOnError &&
             ipset::EntryWriter::fits(collector.window, pace));
    collector.flush();
  }
  return collector.messages();
}

/// Sorts received messages into the tables of their subsystem.
class Decoder {
 public:
  Decoder(Subsystem subsystem, Reply& reply) noexcept
      : subsystem_(subsystem), reply_(reply), list_(reply) {}

  void take(const nl::Message& message) noexcept {
    const uint32_t op = message.header.nlmsg_seq == 0 ? 0 : message.header.nlmsg_seq - 1;
    switch (message.header.nlmsg_type) {
      case NLMSG_NOOP:
      case NLMSG_OVERRUN:
        return;
      case NLMSG_DONE:
        if (message.body.size() >= sizeof(int32_t))
          reply_.error = nl::load<int32_t>(message.body.data());
        return;
      case NLMSG_ERROR: {
        nl::ErrorReply error;
        if (nl::parseErrorReply(message, error) && error.code != 0) reply_.fail(op, error);
        return;
      }
      default:
        takeData(message, op);
    }
  }

 private:
  void takeData(const nl::Message& message, uint32_t op) noexcept {
    switch (subsystem_) {
      case Subsystem::kIpvs:
        // The controller, asked for the family's id, answers on the same socket.
        if (message.header.nlmsg_type == GENL_ID_CTRL) return;
        ipvs::decodeMessage(message, {.op = op, .service = 0, .serviceFamily = 0}, reply_);
        return;
      case Subsystem::kRoute:
        route::decodeMessage(message, op, reply_);
        return;
      case Subsystem::kConntrack:
        conntrack::decodeMessage(message, reply_);
        return;
      case Subsystem::kIpset: {
        if (message.header.nlmsg_type >> 8 != NFNL_SUBSYS_IPSET) return;
        const int command = message.header.nlmsg_type & 0xff;
        if (command == IPSET_CMD_LIST || command == IPSET_CMD_SAVE) {
          list_.take(message);
        } else {
          ipset::decodeAnswer(message, op, reply_);
        }
        return;
      }
    }
  }

  Subsystem subsystem_;
  Reply& reply_;
  ipset::ListDecoder list_;
};

uint32_t tablesOf(Subsystem subsystem) noexcept {
  switch (subsystem) {
    case Subsystem::kIpvs:
      return kIpvsServices | kIpvsDests | kIpvsConfigs | kIpvsDaemons;
    case Subsystem::kIpset:
      return kSetHeaders | kSetEntries;
    case Subsystem::kRoute:
      return kLinks | kLinkAddresses;
    case Subsystem::kConntrack:
      return kFlows;
  }
  return 0;
}

}  // namespace

uint32_t encodeRun(const Request& request, nl::Bytes& out) noexcept {
  Reply unused;
  switch (request.shape) {
    case Shape::kIpvsOp: {
      ipvs::FamilyRequests requests(request.as<IpvsOp>(), kPureFamily, unused);
      return encodeRequests(requests, request.stopOnError, out);
    }
    case Shape::kSetCommand: {
      ipset::CommandRequests requests(request.as<SetCommand>(), unused);
      return encodeRequests(requests, request.stopOnError, out);
    }
    case Shape::kLinkOp: {
      route::LinkRequests requests(request.as<LinkOp>(), unused);
      return encodeRequests(requests, request.stopOnError, out);
    }
    case Shape::kConntrackOp: {
      conntrack::DeleteRequests requests(request.as<ConntrackOp>(), unused);
      return encodeRequests(requests, request.stopOnError, out);
    }
    case Shape::kSetEntry:
      return encodeEntries(request, out);
  }
  return 0;
}

void parseText(const Request& request, Reply& reply) noexcept {
  ipset::parseLines({reinterpret_cast<const char*>(request.text.data()), request.text.size()},
                    request.grammar, reply);
  if (reply.outOfMemory()) reply.error = -ENOMEM;
}

void decodeDatagrams(Subsystem subsystem, std::span<const uint8_t> bytes, Reply& reply) noexcept {
  reply.tables = tablesOf(subsystem);
  Decoder decoder(subsystem, reply);
  nl::MessageReader reader(bytes);
  for (nl::Message message; reader.next(message);) decoder.take(message);
  if (reader.malformed() && reply.error == 0) reply.error = -EBADMSG;
  if (reply.outOfMemory()) reply.error = -ENOMEM;
  reply.sortFailures();
}

}  // namespace seam
