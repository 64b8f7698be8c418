{
  # One target: the addon. CMakeLists.txt builds the same sources for cmake-js and the native tests.
  "targets": [
    {
      "target_name": "amorsize",
      "sources": [
        "native/binding/addon.cc",
        "native/binding/arguments.cc",
        "native/binding/bucket_binding.cc",
        "native/binding/bucket_handle.cc",
        "native/binding/bucket_waiting.cc",
        "native/binding/circuit_breaker_binding.cc",
        "native/binding/clock_binding.cc",
        "native/binding/doorbell.cc",
        "native/binding/hot_calls.cc",
        "native/binding/keys.cc",
        "native/binding/machine_view.cc",
        "native/binding/named_cells.cc",
        "native/binding/process_host.cc",
        "native/binding/retry_budget_binding.cc",
        "native/binding/semaphore_binding.cc",
        "native/binding/keyed_binding.cc",
        "native/binding/keyed_handle.cc",
        "native/binding/keyed_waiting.cc",
        "native/binding/system_binding.cc",
        "native/binding/window_binding.cc",
        "native/os/clock.cc",
        "native/os/process_identity.cc",
        "native/os/process_names.cc"
      ],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/os/cgroup.cc",
            "native/os/cgroup_membership.cc",
            "native/os/cgroup_mounts.cc",
            "native/os/clock_linux.cc",
            "native/os/core_map.cc",
            "native/os/cpu_quota.cc",
            "native/os/cpu_set.cc",
            "native/os/cpuinfo.cc",
            "native/os/file_tree.cc",
            "native/os/group_events.cc",
            "native/os/loaded_addons_posix.cc",
            "native/os/machine_files.cc",
            "native/os/machine_memory_linux.cc",
            "native/os/machine_names_posix.cc",
            "native/os/meminfo.cc",
            "native/os/memory_groups.cc",
            "native/os/node_memory.cc",
            "native/os/pressure.cc",
            "native/os/process_facts_linux.cc",
            "native/os/process_linux.cc",
            "native/os/system_linux.cc",
            "native/os/task_limits.cc",
            "native/os/topology.cc"
          ]
        }],
        ["OS=='mac'", {
          "sources": [
            "native/os/clock_macos.cc",
            "native/os/file_tree.cc",
            "native/os/loaded_addons_posix.cc",
            "native/os/machine_files.cc",
            "native/os/machine_memory_macos.cc",
            "native/os/machine_names_posix.cc",
            "native/os/process_macos.cc",
            "native/os/system_macos.cc"
          ]
        }],
        ["OS=='win'", {
          "sources": [
            "native/os/clock_windows.cc",
            "native/os/loaded_addons_windows.cc",
            "native/os/machine_names_windows.cc",
            "native/os/process_windows.cc",
            "native/os/system_windows.cc"
          ]
        }]
      ],
      "variables": {
        "delay_load_hook%": "true",
        "addon_api": "<!(node -p \"require('node-addon-api').include_dir\")",
        "version": "<!(node -p \"require('./package.json').version\")",
        "stamp": "<!(node -p \"require('./native/binding/stamp.cjs')\")"
      },
      # Zig's addon for Windows finds its host by itself (scripts/support/zig/link.mjs).
      "win_delay_load_hook": "<(delay_load_hook)",
      "include_dirs": ["native", "<(addon_api)"],
      "defines": ["NAPI_VERSION=8", "AMORSIZE_VERSION=<(version)", "AMORSIZE_STAMP=<(stamp)", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags!": ["-fno-omit-frame-pointer"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-Os", "-Wall", "-Wextra", "-Wno-cast-function-type", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-ffunction-sections", "-ffp-contract=off"],
      "ldflags": ["-Wl,--gc-sections", "-Wl,-z,nodelete"],
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
