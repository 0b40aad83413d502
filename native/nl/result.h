#pragma once

#include <cerrno>
#include <utility>
#include <variant>

namespace nl {

/// A value or the negative errno for which there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}
  static Result failure(int error) noexcept { return Result(Failed{error}); }

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  /// 0 when there is a value.
  [[nodiscard]] int error() const noexcept {
    const Failed* failed = std::get_if<1>(&state_);
    return failed == nullptr ? 0 : failed->error;
  }
  /// Only when ok().
  [[nodiscard]] T& value() noexcept { return *std::get_if<0>(&state_); }

 private:
  struct Failed {
    int error;
  };
  explicit Result(Failed failed) noexcept : state_(std::in_place_index<1>, failed) {}
  std::variant<T, Failed> state_;
};

}  // namespace nl
