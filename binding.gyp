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
        "native/binding/doorbell.cc",
        "native/binding/hot_calls.cc",
        "native/binding/semaphore_binding.cc",
        "native/binding/system_binding.cc",
        "native/os/clock.cc",
        "native/os/process_names.cc"
      ],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/os/cgroup.cc",
            "native/os/cgroup_membership.cc",
            "native/os/cgroup_mounts.cc",
            "native/os/core_map.cc",
            "native/os/cpu_quota.cc",
            "native/os/cpu_set.cc",
            "native/os/cpuinfo.cc",
            "native/os/file_tree.cc",
            "native/os/meminfo.cc",
            "native/os/memory_groups.cc",
            "native/os/older_libstdcxx.cc",
            "native/os/pressure.cc",
            "native/os/process_facts.cc",
            "native/os/system_linux.cc",
            "native/os/task_limits.cc",
            "native/os/topology.cc"
          ]
        }],
        ["OS=='mac'", {"sources": ["native/os/system_macos.cc"]}],
        ["OS=='win'", {"sources": ["native/os/system_windows.cc"]}]
      ],
      "include_dirs": ["native"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-Os", "-Wall", "-Wextra", "-Wno-cast-function-type", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-ffp-contract=off"],
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
