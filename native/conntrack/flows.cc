#include "conntrack/flows.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cerrno>

#include "conntrack/message.h"

namespace conntrack {

namespace {

constexpr int kDumpAttempts = 2;

class FlowSink final : public nl::DumpSink {
 public:
  FlowSink(const seam::ConntrackOp& op, seam::Reply& reply) noexcept : op_(op), reply_(reply) {}

  void onData(const nl::Message& message) noexcept override {
    const uint32_t before = reply_.flows.count();
    decodeMessage(message, reply_);
    if (reply_.flows.count() > before && !matches(op_, reply_.flows[before])) {
      reply_.flows.truncate(before);
    }
  }

 private:
  const seam::ConntrackOp& op_;
  seam::Reply& reply_;
};

}  // namespace

void DeleteRequests::encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept {
  encodeDelete(ops_[index], sequence, writer);
}

void decodeMessage(const nl::Message& message, seam::Reply& reply) noexcept {
  if (message.header.nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)) return;
  seam::ConntrackFlow flow{};
  if (!decodeFlow(message, flow)) return;
  if (seam::ConntrackFlow* out = reply.flows.add()) *out = flow;
}

void deleteFlows(nl::Endpoint& endpoint, std::span<const seam::ConntrackOp> ops, bool stopOnError,
                 seam::Reply& reply) noexcept {
  DeleteRequests requests(ops, reply);
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, requests, stopOnError);
  reply.settled = outcome.settled;
  reply.overrun = outcome.overrun;
  reply.error = outcome.error;
}

void dumpFlows(nl::Endpoint& endpoint, const seam::ConntrackOp& op, seam::Reply& reply) noexcept {
  reply.tables |= seam::kFlows;
  reply.settled = 1;
  nl::Bytes request;
  nl::MessageWriter writer(request);
  encodeDump(op, writer);
  if (!writer.ok()) {
    reply.error = -ENOMEM;
    return;
  }
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    reply.flows.clear();
    FlowSink sink(op, reply);
    const nl::DumpOutcome outcome =
        endpoint.dump(nl::Endpoint::DumpSize::kLarge, {request.data(), request.size()}, sink);
    reply.error = outcome.error;
    if (!outcome.poisoned) return;
  }
}

}  // namespace conntrack
