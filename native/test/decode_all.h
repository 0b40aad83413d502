#pragma once

#include <cstdint>
#include <span>

#include "seam/pure.h"

/// Every decoder on the same bytes; aborts when a record refers to strings outside the heap.
inline void decodeAll(std::span<const uint8_t> bytes) {
  for (const auto subsystem : {seam::Subsystem::kIpvs, seam::Subsystem::kIpset,
                               seam::Subsystem::kRoute, seam::Subsystem::kConntrack}) {
    seam::Reply reply;
    seam::decodeDatagrams(subsystem, bytes, reply);
    const size_t heap = reply.heap.size();
    const auto check = [heap](size_t offset, size_t length) {
      if (offset > heap || length > heap - offset) __builtin_trap();
    };
    for (const seam::SetEntry& entry : reply.setEntries) {
      check(entry.nameOffset, entry.nameLength);
      check(entry.refOffset, entry.refLength);
      check(entry.commentOffset, entry.commentLength);
    }
    for (const seam::Failure& failure : reply.failures)
      check(failure.messageOffset, failure.messageLength);
    for (const seam::SetHeader& header : reply.setHeaders) {
      if (uint64_t{header.firstEntry} + header.entryCount > reply.setEntries.count())
        __builtin_trap();
    }
  }
}
