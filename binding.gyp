{
  # One target: the addon. CMakeLists.txt builds the same sources for cmake-js and the native tests.
  "targets": [
    {
      "target_name": "amorsize",
      "sources": [
        "native/binding/addon.cc",
        "native/binding/bucket_binding.cc",
        "native/binding/bucket_handle.cc",
        "native/binding/clock_binding.cc",
        "native/binding/hot_calls.cc",
        "native/os/clock.cc",
        "native/os/process_names.cc"
      ],
      "include_dirs": ["native"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O3", "-Wall", "-Wextra", "-Wno-cast-function-type", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
        "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
        "GCC_OPTIMIZATION_LEVEL": "3",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "13.0"
      },
      "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/std:c++20"]}}
    }
  ]
}
