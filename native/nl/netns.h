#pragma once

#include <memory>
#include <type_traits>

#include "nl/fd.h"

namespace nl {

/// A network namespace to open sockets in: the caller's own one, or one given by a file. A netlink
/// socket belongs for life to the namespace of the thread that opened it, while any thread may use
/// it.
class Netns {
 public:
  /// The namespace of the calling thread.
  Netns() = default;
  explicit Netns(Fd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] bool own() const noexcept { return !fd_.valid(); }

  /// Run `work` inside the namespace. In a foreign one that happens on a thread of its own that
  /// ends afterwards: a thread of a pool could be left in the wrong namespace. Returns 0, or the
  /// negative errno of entering.
  template <class Work>
  int run(Work& work) const noexcept {
    static_assert(std::is_nothrow_invocable_v<Work&>);
    if (own()) {
      work();
      return 0;
    }
    return runInside([](void* argument) noexcept { (*static_cast<Work*>(argument))(); }, &work);
  }

 private:
  int runInside(void (*work)(void*) noexcept, void* argument) const noexcept;

  Fd fd_;
};

}  // namespace nl
