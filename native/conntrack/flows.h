#pragma once

#include <span>

#include "nl/endpoint.h"
#include "nl/pipeline.h"
#include "seam/reply.h"

namespace conntrack {

/// ConntrackOp records that delete flows, as messages for the pipeline.
class DeleteRequests final : public nl::Requests {
 public:
  DeleteRequests(std::span<const seam::ConntrackOp> ops, seam::Reply& reply) noexcept
      : ops_(ops), reply_(reply) {}

  [[nodiscard]] uint32_t count() const noexcept override {
    return static_cast<uint32_t>(ops_.size());
  }
  void encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept override;
  [[nodiscard]] size_t replyBudget(uint32_t /*index*/) const noexcept override {
    return 2 * nl::kReplyBudget;
  }
  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    reply_.fail(index, error);
  }
  void onData(uint32_t /*index*/, const nl::Message& /*message*/) noexcept override {}
  [[nodiscard]] bool permissionPerBuffer() const noexcept override { return true; }

 private:
  std::span<const seam::ConntrackOp> ops_;
  seam::Reply& reply_;
};

/// One message of the subsystem into the table of flows; others are ignored.
void decodeMessage(const nl::Message& message, seam::Reply& reply) noexcept;

void deleteFlows(nl::Endpoint& endpoint, std::span<const seam::ConntrackOp> ops, bool stopOnError,
                 seam::Reply& reply) noexcept;

/// All flows that have what `op` names. The kernel is asked for its family only, and for its
/// protocol where it can be (5.8); the rest is sorted out here, so that flows that nobody wants
/// never become records.
void dumpFlows(nl::Endpoint& endpoint, const seam::ConntrackOp& op, seam::Reply& reply) noexcept;

}  // namespace conntrack
