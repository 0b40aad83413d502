#include "route/links.h"

#include <linux/rtnetlink.h>

#include <cerrno>

#include "route/decode.h"
#include "route/encode.h"

namespace route {

namespace {

constexpr int kDumpAttempts = 5;
// A link without statistics is 1 to 2 KB; with virtual functions more.
constexpr size_t kLinkBudget = 16 * nl::kReplyBudget;

/// Old kernels ignore the filter of a dump request, and for links there is none.
class FilterSink final : public nl::DumpSink {
 public:
  FilterSink(const seam::LinkOp& op, seam::Reply& reply) noexcept : op_(op), reply_(reply) {}

  void onData(const nl::Message& message) noexcept override {
    decodeMessage(message, 0, reply_);
    if (reply_.links.count() > links_ && !wanted(reply_.links[links_]))
      reply_.links.truncate(links_);
    if (reply_.linkAddresses.count() > addresses_ && !wanted(reply_.linkAddresses[addresses_])) {
      reply_.linkAddresses.truncate(addresses_);
    }
    links_ = reply_.links.count();
    addresses_ = reply_.linkAddresses.count();
  }

 private:
  [[nodiscard]] bool wanted(const seam::Link& link) const noexcept {
    if (op_.index != 0 && link.index != op_.index) return false;
    const std::string_view name = nl::inlineString(op_.name);
    return name.empty() || name == nl::inlineString(link.name);
  }
  [[nodiscard]] bool wanted(const seam::LinkAddress& address) const noexcept {
    if (op_.index != 0 && address.index != op_.index) return false;
    return op_.family == 0 || address.family == op_.family;
  }

  const seam::LinkOp& op_;
  seam::Reply& reply_;
  uint32_t links_ = 0;
  uint32_t addresses_ = 0;
};

}  // namespace

void LinkRequests::encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept {
  route::encode(ops_[index], sequence, writer);
}

size_t LinkRequests::replyBudget(uint32_t index) const noexcept {
  return ops_[index].command == RTM_GETLINK ? kLinkBudget : nl::kReplyBudget;
}

void LinkRequests::onData(uint32_t index, const nl::Message& message) noexcept {
  decodeMessage(message, index, reply_);
}

void decodeMessage(const nl::Message& message, uint32_t op, seam::Reply& reply) noexcept {
  if (message.header.nlmsg_type == RTM_NEWLINK) {
    seam::Link link{};
    if (!decodeLink(message, link)) return;
    link.op = op;
    if (seam::Link* out = reply.links.add()) *out = link;
  } else if (message.header.nlmsg_type == RTM_NEWADDR) {
    seam::LinkAddress address{};
    if (!decodeAddress(message, address)) return;
    if (seam::LinkAddress* out = reply.linkAddresses.add()) *out = address;
  }
}

void runLinks(nl::Endpoint& endpoint, std::span<const seam::LinkOp> ops, bool stopOnError,
              seam::Reply& reply) noexcept {
  reply.tables |= seam::kLinks;
  LinkRequests requests(ops, reply);
  const nl::PipelineOutcome outcome = nl::pipeline(endpoint, requests, stopOnError);
  reply.settled = outcome.settled;
  reply.overrun = outcome.overrun;
  reply.error = outcome.error;
}

void dumpLinks(nl::Endpoint& endpoint, const seam::LinkOp& op, seam::Reply& reply) noexcept {
  reply.tables |= op.command == RTM_GETADDR ? seam::kLinkAddresses : seam::kLinks;
  reply.settled = 1;
  nl::Bytes request;
  nl::MessageWriter writer(request);
  encodeDump(op, writer);
  if (!writer.ok()) {
    reply.error = -ENOMEM;
    return;
  }
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    reply.links.clear();
    reply.linkAddresses.clear();
    FilterSink sink(op, reply);
    const nl::DumpOutcome outcome =
        endpoint.dump(nl::Endpoint::DumpSize::kLarge, {request.data(), request.size()}, sink);
    reply.error = outcome.error;
    reply.interrupted = outcome.interrupted;
    if (!outcome.interrupted && !outcome.poisoned) return;
  }
}

}  // namespace route
