#pragma once

#include <span>

#include "nl/pipeline.h"
#include "seam/reply.h"

namespace ipvs {

/// The records of a run as messages for the pipeline, and its replies as records.
class FamilyRequests : public nl::Requests {
 public:
  FamilyRequests(std::span<const seam::IpvsOp> ops, uint16_t family, seam::Reply& reply) noexcept
      : ops_(ops), family_(family), reply_(reply) {}

  [[nodiscard]] uint32_t count() const noexcept override {
    return static_cast<uint32_t>(ops_.size());
  }
  void encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept override;
  [[nodiscard]] size_t replyBudget(uint32_t index) const noexcept override;
  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    reply_.fail(index, error);
  }
  void onData(uint32_t index, const nl::Message& message) noexcept override;

 protected:
  void setFamily(uint16_t family) noexcept { family_ = family; }
  [[nodiscard]] seam::Reply& reply() noexcept { return reply_; }

 private:
  std::span<const seam::IpvsOp> ops_;
  uint16_t family_;
  seam::Reply& reply_;
};

}  // namespace ipvs
