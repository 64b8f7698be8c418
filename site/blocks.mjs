// Blocks of code as the site shows them.

/** @param {import('markdown-it')} md - the reader of pages */
export function withSiteBlocks(md) {
  md.core.ruler.push('indented-blocks', ({ tokens }) => {
    // One that is indented looks like those between fences.
    for (const token of tokens)
      if (token.type === 'code_block') Object.assign(token, { type: 'fence', tag: 'code', info: 'text', markup: '```' })
  })
  const { fence } = md.renderer.rules
  md.renderer.rules.fence = (tokens, at, ...rest) => {
    const { info, content } = tokens[at]
    // The theme draws it.
    if (info.trim() === 'mermaid') return `<pre class="mermaid" v-pre>${md.utils.escapeHtml(content)}</pre>\n`
    return fence(tokens, at, ...rest)
  }
}
