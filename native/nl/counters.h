#pragma once

#include <atomic>
#include <cstdint>

namespace nl {

/// What the sockets of a channel have done. Written by the worker thread, read by the JavaScript
/// thread at any time.
struct Counters {
  std::atomic<uint64_t> sends{0};
  std::atomic<uint64_t> receives{0};  ///< those that found nothing included
  std::atomic<uint64_t> messages{0};
  std::atomic<uint64_t> bytesSent{0};
  std::atomic<uint64_t> bytesReceived{0};
  std::atomic<uint64_t> dumps{0};
  std::atomic<uint64_t> overruns{0};
  std::atomic<uint64_t> sockets{0};  ///< open now
};

inline void count(std::atomic<uint64_t>& counter, uint64_t by = 1) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace nl
