#include "seam/values.h"

#include <cstring>

#include "seam/layout.h"

namespace seam {

namespace {

// Below that a copy is cheaper than a finalizer.
constexpr size_t kExternalFrom = size_t{16} * 1024;

napi_value undefined(napi_env env) noexcept {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

void freeMemory(napi_env /*env*/, void* data, void* /*hint*/) { std::free(data); }

/// Null when the engine does not take foreign memory (or is shutting down): then the bytes still
/// belong to the caller.
napi_value externalBuffer(napi_env env, nl::Bytes& bytes) noexcept {
  bytes.shrink();
  napi_value buffer = nullptr;
  const size_t size = bytes.size();
  if (napi_create_external_arraybuffer(env, bytes.data(), size, freeMemory, nullptr, &buffer) !=
      napi_ok) {
    return nullptr;
  }
  static_cast<void>(bytes.release());
  return buffer;
}

napi_value copiedBuffer(napi_env env, const nl::Bytes& bytes) noexcept {
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return nullptr;
  if (bytes.size() != 0 && data != nullptr) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

}  // namespace

ObjectBuilder::ObjectBuilder(napi_env env) noexcept : env_(env) {
  if (napi_create_object(env, &object_) != napi_ok) object_ = nullptr;
}

ObjectBuilder& ObjectBuilder::set(const char* name, napi_value value) noexcept {
  if (object_ != nullptr && value != nullptr) napi_set_named_property(env_, object_, name, value);
  return *this;
}

ObjectBuilder& ObjectBuilder::set(const char* name, double number) noexcept {
  napi_value value = nullptr;
  napi_create_double(env_, number, &value);
  return set(name, value);
}

ObjectBuilder& ObjectBuilder::set(const char* name, bool flag) noexcept {
  napi_value value = nullptr;
  napi_get_boolean(env_, flag, &value);
  return set(name, value);
}

ObjectBuilder& ObjectBuilder::set(const char* name, const char* text) noexcept {
  napi_value value = nullptr;
  napi_create_string_utf8(env_, text, NAPI_AUTO_LENGTH, &value);
  return set(name, value);
}

napi_value toUint8Array(napi_env env, nl::Bytes bytes) noexcept {
  const size_t size = bytes.size();
  napi_value buffer = size >= kExternalFrom ? externalBuffer(env, bytes) : nullptr;
  if (buffer == nullptr) buffer = copiedBuffer(env, bytes);
  if (buffer == nullptr) return undefined(env);
  napi_value array = nullptr;
  if (napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array) != napi_ok)
    return undefined(env);
  return array;
}

namespace {

napi_value toParts(napi_env env, std::vector<nl::Bytes>& parts) noexcept {
  napi_value array = nullptr;
  if (napi_create_array_with_length(env, parts.size(), &array) != napi_ok) return nullptr;
  uint32_t index = 0;
  for (nl::Bytes& part : parts) {
    if (napi_set_element(env, array, index++, toUint8Array(env, std::move(part))) != napi_ok) {
      return nullptr;
    }
  }
  return array;
}

}  // namespace

napi_value toReply(napi_env env, Reply& reply) noexcept {
  ObjectBuilder object(env);
  object.set("settled", static_cast<double>(reply.settled))
      .set("overrun", reply.overrun)
      .set("error", static_cast<double>(reply.error))
      .set("interrupted", reply.interrupted)
      .set("failures", toUint8Array(env, std::move(reply.failures.bytes())));
  const auto table = [&](Tables which, const char* name, nl::Bytes& bytes) {
    if ((reply.tables & which) != 0) object.set(name, toUint8Array(env, std::move(bytes)));
  };
  table(kIpvsServices, "IpvsService", reply.ipvsServices.bytes());
  table(kIpvsDests, "IpvsDest", reply.ipvsDests.bytes());
  table(kIpvsConfigs, "IpvsConfig", reply.ipvsConfigs.bytes());
  table(kIpvsDaemons, "IpvsDaemon", reply.ipvsDaemons.bytes());
  table(kSetHeaders, "SetHeader", reply.setHeaders.bytes());
  table(kSetEntries, "SetEntry", reply.setEntries.bytes());
  table(kSetLines, "SetLine", reply.setLines.bytes());
  if ((reply.tables & kSetLines) != 0) {
    object.set("consumed", static_cast<double>(reply.consumed))
        .set("lines", static_cast<double>(reply.lines));
  }
  table(kLinks, "Link", reply.links.bytes());
  table(kLinkAddresses, "LinkAddress", reply.linkAddresses.bytes());
  table(kFlows, "ConntrackFlow", reply.flows.bytes());
  object.set("heap", toUint8Array(env, std::move(reply.heap)));
  if (!reply.parts.empty()) object.set("parts", toParts(env, reply.parts));
  return object.value();
}

napi_value toCounters(napi_env env, const nl::Counters& counters) noexcept {
  const auto number = [](const std::atomic<uint64_t>& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
  };
  ObjectBuilder object(env);
  object.set("sends", number(counters.sends))
      .set("receives", number(counters.receives))
      .set("messages", number(counters.messages))
      .set("bytesSent", number(counters.bytesSent))
      .set("bytesReceived", number(counters.bytesReceived))
      .set("dumps", number(counters.dumps))
      .set("overruns", number(counters.overruns))
      .set("sockets", number(counters.sockets));
  return object.value();
}

napi_value toLayouts(napi_env env) noexcept {
  ObjectBuilder all(env);
  for (const Layout& layout : layouts()) {
    ObjectBuilder one(env);
    one.set("size", static_cast<double>(layout.size));
    for (const Field& field : layout.fields) one.set(field.name, static_cast<double>(field.offset));
    all.set(layout.name, one.value());
  }
  return all.value();
}

}  // namespace seam
