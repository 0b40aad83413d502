#include <napi.h>

#include "seam/exports.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.DefineProperties({
      Napi::PropertyDescriptor::Function(env, exports, "open", seam::open, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "openFile", seam::openFile, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "close", seam::close, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "run", seam::run, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "load", seam::load, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "parse", seam::parse, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "dump", seam::dump, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "counters", seam::counters, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "encode", seam::encode, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "decode", seam::decode, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "layouts", seam::layouts, napi_enumerable),
      Napi::PropertyDescriptor::Function(env, exports, "versions", seam::versions, napi_enumerable),
  });
  return exports;
}

}  // namespace

NODE_API_MODULE(ipvs, init)
