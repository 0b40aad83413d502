#pragma once

#include <napi.h>

#include <memory>

#include "seam/channel.h"

namespace seam {

/// A channel as JavaScript holds it: an opaque value, tagged so that no other addon's can be taken
/// for it. The channel closes with the last of its owners: the value (when it is garbage collected)
/// or a job that is running.
[[nodiscard]] napi_value toHandle(napi_env env, std::shared_ptr<Channel> channel) noexcept;

/// The channel of a handle; null when the value is none.
[[nodiscard]] std::shared_ptr<Channel> fromHandle(napi_env env, napi_value value) noexcept;

}  // namespace seam
