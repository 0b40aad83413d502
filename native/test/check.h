// The whole of a test framework: named cases, checks that print what they saw, an exit code.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*body)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int failures = 0;

struct Registered {
  Registered(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

template <class T>
std::string show(const T& value) {
  if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (std::is_arithmetic_v<T>)
    return std::to_string(value);
  else
    return "'" + std::string(std::string_view(value)) + "'";
}

template <class A, class B>
void equal(const char* file, int line, const char* text, const A& got, const B& wanted) {
  if (got == static_cast<A>(wanted)) return;
  ++failures;
  std::printf("%s:%d: %s: got %s, wanted %s\n", file, line, text, show(got).c_str(),
              show(static_cast<A>(wanted)).c_str());
}

inline int runAll() {
  for (const Case& item : cases()) {
    const int before = failures;
    item.body();
    std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", item.name);
  }
  std::printf("%zu cases, %d failed checks\n", cases().size(), failures);
  return failures == 0 && !cases().empty() ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
/// TEST_CASE("what it does") { … }
#define TEST_CASE(name)                                                                        \
  static void CHECK_JOIN(body, __LINE__)();                                                    \
  static const check::Registered CHECK_JOIN(registered, __LINE__)(name,                        \
                                                                  CHECK_JOIN(body, __LINE__)); \
  static void CHECK_JOIN(body, __LINE__)()
#define CHECK_EQUAL(got, wanted) check::equal(__FILE__, __LINE__, #got, (got), (wanted))
#define CHECK(condition) CHECK_EQUAL(static_cast<bool>(condition), true)
#define TEST_MAIN() \
  int main() { return check::runAll(); }
