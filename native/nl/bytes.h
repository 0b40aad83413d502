#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace nl {

struct FreeDeleter {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// A growing run of bytes on the C heap. Running out of memory is an answer, not an end: extend()
/// returns null and failed() stays true, so that a reply of any size can fail its operation and
/// nothing else. Growth goes through realloc, which moves pages instead of copying them once blocks
/// are large.
class Bytes {
 public:
  Bytes() = default;
  Bytes(Bytes&& other) noexcept { swap(other); }
  Bytes& operator=(Bytes&& other) noexcept {
    Bytes taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Bytes() = default;

  [[nodiscard]] uint8_t* data() noexcept { return memory_.get(); }
  [[nodiscard]] const uint8_t* data() const noexcept { return memory_.get(); }
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::span<const uint8_t> span() const noexcept { return {memory_.get(), size_}; }

  /// Room for `count` more bytes without further allocation.
  bool reserve(size_t count) noexcept {
    if (capacity_ - size_ >= count) return true;
    if (count > SIZE_MAX / 2 - size_) return fail();
    size_t wanted = capacity_ < kFirst ? kFirst : capacity_ * 2;
    while (wanted < size_ + count) wanted *= 2;
    return resizeTo(wanted);
  }

  /// Append `count` bytes with undefined content; null when memory is short.
  [[nodiscard]] uint8_t* extend(size_t count) noexcept {
    if (!reserve(count)) return nullptr;
    uint8_t* at = memory_.get() + size_;
    size_ += count;
    return at;
  }

  bool append(const void* data, size_t count) noexcept {
    if (count == 0) return true;
    uint8_t* at = extend(count);
    if (at == nullptr) return false;
    std::memcpy(at, data, count);
    return true;
  }

  /// Forget everything from `size` on; memory is kept.
  void truncate(size_t size) noexcept {
    if (size < size_) size_ = size;
  }

  void clear() noexcept {
    size_ = 0;
    failed_ = false;
  }

  /// Give back what is allocated beyond the content.
  void shrink() noexcept {
    if (size_ != 0 && size_ < capacity_) resizeTo(size_);
  }

  /// Hand the memory over; free it with std::free.
  [[nodiscard]] uint8_t* release() noexcept {
    size_ = capacity_ = 0;
    return memory_.release();
  }

  /// Behave as if memory had run out.
  bool fail() noexcept {
    failed_ = true;
    return false;
  }

  void swap(Bytes& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(failed_, other.failed_);
  }

 private:
  static constexpr size_t kFirst = 256;

  bool resizeTo(size_t capacity) noexcept {
    auto* moved = static_cast<uint8_t*>(std::realloc(memory_.get(), capacity));
    if (moved == nullptr) return fail();
    static_cast<void>(memory_.release());
    memory_.reset(moved);
    capacity_ = capacity;
    return true;
  }

  std::unique_ptr<uint8_t, FreeDeleter> memory_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool failed_ = false;
};

/// Fixed-layout records, one after the other.
template <class Record>
class Table {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  /// A new record of zeros; null when memory is short. Valid until the next call.
  [[nodiscard]] Record* add() noexcept {
    uint8_t* at = bytes_.extend(sizeof(Record));
    if (at == nullptr) return nullptr;
    // Copied: GCC makes a string instruction of a memset of this size, which takes 20 ns to start.
    static constexpr Record kZeros{};
    std::memcpy(at, &kZeros, sizeof(Record));
    return reinterpret_cast<Record*>(at);
  }

  [[nodiscard]] uint32_t count() const noexcept {
    return static_cast<uint32_t>(bytes_.size() / sizeof(Record));
  }
  [[nodiscard]] Record* begin() noexcept { return reinterpret_cast<Record*>(bytes_.data()); }
  [[nodiscard]] Record* end() noexcept { return begin() + count(); }
  [[nodiscard]] Record& operator[](uint32_t index) noexcept { return begin()[index]; }
  void truncate(uint32_t count) noexcept { bytes_.truncate(size_t{count} * sizeof(Record)); }
  void clear() noexcept { bytes_.clear(); }
  [[nodiscard]] bool failed() const noexcept { return bytes_.failed(); }
  [[nodiscard]] Bytes& bytes() noexcept { return bytes_; }

 private:
  Bytes bytes_;
};

/// Read a plain value from unaligned bytes that the caller knows to be long enough.
template <class T>
[[nodiscard]] T load(const uint8_t* from) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// A NUL-padded string that may fill its field completely.
template <size_t N>
[[nodiscard]] std::string_view inlineString(const char (&field)[N]) noexcept {
  return {field, strnlen(field, N)};
}

/// Copy text into a NUL-padded field; what does not fit is cut, the last byte stays NUL.
template <size_t N>
void copyString(char (&field)[N], std::string_view text) noexcept {
  const size_t count = text.size() < N ? text.size() : N - 1;
  if (count != 0) std::memcpy(field, text.data(), count);
}

}  // namespace nl
