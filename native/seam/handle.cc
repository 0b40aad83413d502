#include "seam/handle.h"

#include <new>

namespace seam {

namespace {

using Owner = std::shared_ptr<Channel>;

constexpr napi_type_tag kTag{.lower = 0x9d1f27c6a0b84e53, .upper = 0x6970767363686e6c};

void dropOwner(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<Owner*>(data); }

}  // namespace

napi_value toHandle(napi_env env, std::shared_ptr<Channel> channel) noexcept {
  auto owner = std::unique_ptr<Owner>(new (std::nothrow) Owner(std::move(channel)));
  napi_value handle = nullptr;
  if (owner == nullptr ||
      napi_create_external(env, owner.get(), dropOwner, nullptr, &handle) != napi_ok) {
    return nullptr;
  }
  static_cast<void>(owner.release());
  if (napi_type_tag_object(env, handle, &kTag) != napi_ok) return nullptr;
  return handle;
}

std::shared_ptr<Channel> fromHandle(napi_env env, napi_value value) noexcept {
  napi_valuetype type = napi_undefined;
  bool ours = false;
  void* data = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_check_object_type_tag(env, value, &kTag, &ours) != napi_ok || !ours ||
      napi_get_value_external(env, value, &data) != napi_ok || data == nullptr) {
    return nullptr;
  }
  return *static_cast<Owner*>(data);
}

}  // namespace seam
