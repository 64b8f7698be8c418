// Which header a C++ file of ours may include: the import directions of native/, as a function of folder and header.

/** For each folder of native/: the folders of ours it may include. */
export const mayInclude = {
  core: ['core'],
  os: ['core', 'os'],
  binding: ['core', 'os', 'binding'],
  wasm: ['core', 'os', 'binding'],
}

/** Headers of the C++ standard library and the compiler's intrinsics, which ask the kernel nothing. */
const pure =
  /^(algorithm|array|atomic|bit|climits|cmath|compare|concepts|cstddef|cstdint|cstring|functional|initializer_list|iterator|limits|new|numeric|optional|span|string_view|tuple|type_traits|utility|version|immintrin\.h|x86intrin\.h|intrin\.h|arm_acle\.h)$/
const nodeApi = /^(node_api|js_native_api|js_native_api_types|node_api_types|napi|napi-inl|uv|v8|node)\.h$/

/**
 * Judges one #include.
 *
 * @param {'core' | 'os' | 'binding' | 'wasm'} folder - where the including file lies
 * @param {boolean} quoted - whether it is written with quotation marks
 * @param {string} header - as written
 * @returns {string | null} what is wrong with it
 */
export function faultOf(folder, quoted, header) {
  if (nodeApi.test(header))
    return folder === 'binding' || folder === 'wasm'
      ? null
      : `native/${folder} must not include ${header}; only native/binding may`
  if (!quoted)
    return folder === 'core' && !pure.test(header) ? `native/core is pure and must not include <${header}>` : null
  const from = header.split('/')[0]
  if (!header.includes('/')) return `write "${folder}/${header}": every include starts at native/`
  return mayInclude[folder].includes(from) ? null : `native/${folder} must not include native/${from}`
}
