#include "ipset/sets.h"

#include <cerrno>

#include "ipset/command.h"
#include "ipset/header.h"
#include "ipset/requests.h"

namespace ipset {

namespace {

class ListSink final : public nl::DumpSink {
 public:
  explicit ListSink(seam::Reply& reply) noexcept : decoder_(reply) {}
  void onData(const nl::Message& message) noexcept override { decoder_.take(message); }

 private:
  ListDecoder decoder_;
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

void dumpSets(nl::Endpoint& endpoint, const seam::SetCommand& command,
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
    ListSink sink(reply);
    outcome = endpoint.dump(nl::Endpoint::DumpSize::kLarge, {request.data(), request.size()}, sink);
    // Too big a bucket for the first datagram of a fresh socket, which is a small one: the second
    // try gets large ones.
    if (!outcome.poisoned && outcome.error != -EMSGSIZE) break;
  }
  reply.error = outcome.error;
}

}  // namespace ipset
