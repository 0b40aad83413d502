#pragma once

#include <span>

#include "nl/pipeline.h"
#include "seam/reply.h"

namespace ipset {

/// SetCommand records as messages for the pipeline, and its replies as SetHeader records.
class CommandRequests final : public nl::Requests {
 public:
  CommandRequests(std::span<const seam::SetCommand> commands, seam::Reply& reply) noexcept
      : commands_(commands), reply_(reply) {}

  [[nodiscard]] uint32_t count() const noexcept override {
    return static_cast<uint32_t>(commands_.size());
  }
  void encode(uint32_t index, uint32_t sequence, nl::MessageWriter& writer) noexcept override;
  [[nodiscard]] size_t replyBudget(uint32_t /*index*/) const noexcept override {
    return 2 * nl::kReplyBudget;
  }
  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    reply_.fail(index, error);
  }
  void onData(uint32_t index, const nl::Message& message) noexcept override;
  [[nodiscard]] bool permissionPerBuffer() const noexcept override { return true; }

 private:
  std::span<const seam::SetCommand> commands_;
  seam::Reply& reply_;
};

}  // namespace ipset
