// How the docstrings of the entry points become pages in docs/api.
export default {
  plugin: ['typedoc-plugin-markdown', './typedoc-throws.mjs', './typedoc-documented.mjs'],
  entryPoints: [
    'index',
    'limiter/index',
    'http/index',
    'redis/index',
    'bullmq/index',
    'metrics/index',
    'system/index',
    'testing/index',
  ].map((name) => `../src/${name}.ts`),
  tsconfig: '../tsconfig.build.json',
  out: '../docs/api',
  readme: 'none',
  entryFileName: 'index',
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  disableSources: true,
  githubPages: false,
  // Every name that a docstring or type mentions is public; site/typedoc-documented.mjs sees to it that every member has one.
  validation: { notExported: true, invalidLink: true, notDocumented: false },
  treatValidationWarningsAsErrors: true,
  // Which error it is.
  preservedTypeAnnotationTags: ['@throws'],
  pageTitleTemplates: { module: ({ name }) => (name === 'amorsize' ? name : `amorsize/${name}`) },
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  // With the first sentence of each docstring; what people call comes first.
  indexFormat: 'table',
  groupOrder: ['Functions', 'Classes', 'Variables', '*'],
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  typeDeclarationFormat: 'table',
}
