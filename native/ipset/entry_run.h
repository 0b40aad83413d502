#pragma once

#include <cstdint>
#include <vector>

#include "ipset/entry_writer.h"
#include "nl/endpoint.h"
#include "seam/reply.h"

namespace ipset {

/// Adds, deletes or tests any number of elements. Keeps the window full, resends what stood behind
/// a refused element in its message, and writes fewer elements per message while many are refused.
class EntryRun {
 public:
  /// `pace`: what the run begins with, and what it ended with for the next one.
  EntryRun(nl::Endpoint& endpoint, const EntryJob& job, bool stopOnError, EntryPace& pace,
           seam::Reply& reply) noexcept;

  void run() noexcept;

 private:
  class Sink;
  struct Range {
    uint32_t from;
    uint32_t to;
  };

  /// Next window. False when nothing is left.
  bool fill() noexcept;
  /// Send it. False when the run ends with it.
  bool send() noexcept;
  /// A malformed element ends its message without a line number: find it by sending one element at
  /// a time.
  bool locate(Range range) noexcept;
  /// The window could not be sent for its size. False when it cannot be smaller.
  bool shrink() noexcept;
  void adapt(uint32_t messages, uint32_t refused) noexcept;
  /// Go on with what stood behind a refused element, before everything else: where elements have an
  /// order it comes first.
  void resume(Range range) noexcept;
  /// Nothing from this index on counts as settled.
  void unsettle(uint32_t index) noexcept;
  void end(const nl::Outcome& outcome) noexcept;

  nl::Endpoint& endpoint_;
  const EntryJob& job_;
  EntryWriter writer_;
  seam::Reply& reply_;
  nl::Window& window_;
  std::vector<Range>
      pending_;  ///< not tried because of a refused element before them in their message
  std::vector<Range> suspects_;  ///< messages with a refused element somewhere
  uint32_t next_ = 0;
  uint32_t count_;
  EntryPace& pace_;
  uint32_t settled_;
  bool stopOnError_;
  bool sequential_;
  bool ended_ = false;
};

}  // namespace ipset
