/**
 * Functions that compilers and tools call although the program never wrote them: a worker has its own.
 * Names are those of esbuild (`__name`), TypeScript (`__importStar`, `__importDefault`), Babel and SWC (`_interop…`), Vite, jiti and Istanbul.
 */
const HELPERS: Readonly<Record<string, unknown>> = {
  __name: <F extends object>(fn: F, value: string): F =>
    Object.defineProperty(fn, 'name', { value, configurable: true }),
  __importStar: namespaceOf,
  __importDefault: namespaceOf,
  _interopRequireWildcard: namespaceOf,
  _interop_require_wildcard: namespaceOf,
  require: (name: string) => process.getBuiltinModule(name),
  __vite_ssr_dynamic_import__: imported,
  jitiImport: imported,
}

async function imported(url: string): Promise<unknown> {
  return import(/* webpackIgnore: true */ /* @vite-ignore */ nodeNameOf(url))
}

/** As a module of CommonJS looks to those who import it. */
function namespaceOf(module: object): object {
  return { ...module, default: module }
}

/** The name of a module as Node knows it: where a browser is imitated, Vite puts something before those of Node's own. */
export const nodeNameOf = (url: string): string => url.replace(/^\/@id\/__vite-browser-external:/, '')

/** Whether a name is that of Istanbul's counters, which each file has. */
export const isCounter = (name: string): boolean => /^cov_[0-9a-z]+$/.test(name)

/** A function, or an object before Istanbul 4. Counts of a worker are in no report. */
function madeCounters(): unknown {
  const counters = Object.assign(() => counters, { f: {}, s: {}, b: new Proxy({}, { get: () => ({}) }) })
  return counters
}

/** Those that compilers make of `import()`: helpers only where they load what every thread finds. */
export const IMPORTS: ReadonlySet<string> = new Set(['require', '__vite_ssr_dynamic_import__', 'jitiImport'])

export const isHelper = (name: string): boolean => Object.hasOwn(HELPERS, name) && !IMPORTS.has(name)

export const helperOf = (name: string): unknown => (isCounter(name) ? madeCounters() : HELPERS[name])

const FOR_OLDER_ENGINES = new RegExp(
  '^(?:__(?:awaiter|generator|assign|rest|spread\\w*|values|read|async\\w+|await|classPrivateField\\w+)|_?regenerator\\w*' +
    '|_(?:async_?to_?generator|ts_generator|object_?(?:spread|without)\\w*|to_?consumable_?array|sliced_?to_?array|define_?property|extends|(?:async)?(?:optional_?chain|nullish_?coalesce)\\w*))$',
  'i',
)

/** Whether a name is what TypeScript, Babel, SWC or Sucrase put in the place of syntax that the engine of their target does not have. */
export const isForOlderEngines = (name: string): boolean => FOR_OLDER_ENGINES.test(name)
