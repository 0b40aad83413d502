#pragma once

#include "nl/message.h"
#include "seam/reply.h"

namespace ipset {

/// An answer to HEADER, TYPE, PROTOCOL, GET_BYNAME or GET_BYINDEX into a SetHeader with that `op`.
void decodeAnswer(const nl::Message& message, uint32_t op, seam::Reply& reply) noexcept;

/// The messages of a LIST into one SetHeader per set, each with its contiguous range of SetEntry. A
/// set may come in several messages; all but the first have only its name and elements.
class ListDecoder {
 public:
  explicit ListDecoder(seam::Reply& reply) noexcept : reply_(reply) {}
  void take(const nl::Message& message) noexcept;

 private:
  seam::Reply& reply_;
};

}  // namespace ipset
