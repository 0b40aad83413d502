#pragma once

#include <napi.h>

#include "nl/bytes.h"
#include "nl/counters.h"
#include "seam/channel.h"
#include "seam/reply.h"

namespace seam {

// JavaScript values from results. They run when a promise is settled too, possibly in an
// environment that is shutting down, where each call may fail: then undefined comes out, and never
// an abort, as the wrapper's own helpers would do.

/// Fills a plain object.
class ObjectBuilder {
 public:
  explicit ObjectBuilder(napi_env env) noexcept;
  ObjectBuilder& set(const char* name, napi_value value) noexcept;
  ObjectBuilder& set(const char* name, double value) noexcept;
  ObjectBuilder& set(const char* name, bool value) noexcept;
  ObjectBuilder& set(const char* name, const char* value) noexcept;
  [[nodiscard]] napi_value value() const noexcept { return object_; }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
};

/// A Uint8Array with that content. Large content is handed over without a copy where the engine
/// allows it.
[[nodiscard]] napi_value toUint8Array(napi_env env, nl::Bytes bytes) noexcept;
[[nodiscard]] napi_value toReply(napi_env env, Reply& reply) noexcept;
[[nodiscard]] napi_value toCounters(napi_env env, const nl::Counters& counters) noexcept;
[[nodiscard]] napi_value toLayouts(napi_env env) noexcept;

}  // namespace seam
