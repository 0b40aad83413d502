#pragma once

#include <span>

#include "nl/endpoint.h"
#include "nl/pipeline.h"
#include "seam/reply.h"

namespace route {

/// LinkOp records as messages for the pipeline; answers to RTM_GETLINK go into the table.
class LinkRequests final : public nl::Requests {
 public:
  LinkRequests(std::span<const seam::LinkOp> ops, seam::Reply& reply) noexcept
      : ops_(ops), reply_(reply) {}

  [[nodiscard]] uint32_t count() const noexcept override {
    return static_cast<uint32_t>(ops_.size());
  }
  void encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept override;
  [[nodiscard]] size_t replyBudget(uint32_t index) const noexcept override;
  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    reply_.fail(index, error);
  }
  void onData(uint32_t index, const nl::Message& message) noexcept override;

 private:
  std::span<const seam::LinkOp> ops_;
  seam::Reply& reply_;
};

/// One message of rtnetlink into the table that it belongs to; others are ignored.
void decodeMessage(const nl::Message& message, uint32_t op, seam::Reply& reply) noexcept;

void runLinks(nl::Endpoint& endpoint, std::span<const seam::LinkOp> ops, bool stopOnError,
              seam::Reply& reply) noexcept;

/// All links or addresses, filtered by what `op` names: index and name of links, index and family
/// of addresses. Dumped again a few times when the kernel says that something changed meanwhile.
void dumpLinks(nl::Endpoint& endpoint, const seam::LinkOp& op, seam::Reply& reply) noexcept;

}  // namespace route
