#include "ipset/sets.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "ipset/command.h"
#include "ipset/header.h"
#include "ipset/requests.h"

namespace ipset {

namespace {

// A few milliseconds of JavaScript each, and few enough of them.
constexpr size_t kPartBytes = size_t{256} * 1024;

class ListSink final : public nl::DumpSink {
 public:
  explicit ListSink(seam::Reply& reply) noexcept : decoder_(reply) {}
  void onData(const nl::Message& message) noexcept override { decoder_.take(message); }

 private:
  ListDecoder decoder_;
};

/// Keeps messages as they are: in the kernel's form an element takes a quarter of a record.
class KeepSink final : public nl::DumpSink {
 public:
  explicit KeepSink(std::vector<nl::Bytes>& parts) noexcept : parts_(parts) {}

  void onData(const nl::Message& message) noexcept override {
    const size_t size = NLMSG_ALIGN(message.header.nlmsg_len);
    if (parts_.empty() || parts_.back().size() + size > kPartBytes) {
      parts_.emplace_back().reserve(std::max(kPartBytes, size));
    }
    nl::Bytes& part = parts_.back();
    part.append(&message.header, sizeof message.header);
    part.append(message.body.data(), message.body.size());
    constexpr uint8_t kPadding[NLMSG_ALIGNTO] = {};
    part.append(kPadding, size - message.header.nlmsg_len);
  }

 private:
  std::vector<nl::Bytes>& parts_;
};

}  // namespace

void runCommands(nl::Endpoint& endpoint, std::span<const seam::SetCommand> commands,
                 bool stopOnError, seam::Reply& reply) noexcept {
  reply.tables |= seam::kSetHeaders;
  CommandRequests requests(commands, reply);
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, requests, stopOnError);
  reply.settled = outcome.settled;
  reply.overrun = outcome.overrun;
  reply.error = outcome.error;
}

void dumpSets(nl::Endpoint& endpoint, const seam::SetCommand& command, bool inParts,
              seam::Reply& reply) noexcept {
  reply.tables |= seam::kSetHeaders | seam::kSetEntries;
  reply.settled = 1;
  nl::Bytes request;
  nl::MessageWriter writer(request);
  encodeCommand(command, 0, true, writer);
  if (!writer.ok()) {
    reply.error = -ENOMEM;
    return;
  }
  nl::DumpOutcome outcome;
  for (int attempt = 0; attempt < 2; ++attempt) {
    reply.setHeaders.clear();
    reply.setEntries.clear();
    reply.heap.clear();
    reply.parts.clear();
    ListSink decoding(reply);
    KeepSink keeping(reply.parts);
    nl::DumpSink& sink = inParts ? static_cast<nl::DumpSink&>(keeping) : decoding;
    outcome = endpoint.dump(nl::Endpoint::DumpSize::kLarge, {request.data(), request.size()}, sink);
    // Too big a bucket for the first datagram of a fresh socket, which is a small one: the second
    // try gets large ones.
    if (!outcome.poisoned && outcome.error != -EMSGSIZE) break;
  }
  reply.error = outcome.error;
}

}  // namespace ipset
