// Code as the site shows it.

/** @param {import('markdown-it')} md - the reader of pages */
export function withSiteBlocks(md) {
  md.core.ruler.push('indented-blocks', ({ tokens }) => {
    // One that is indented looks like those between fences.
    for (const token of tokens)
      if (token.type === 'code_block') Object.assign(token, { type: 'fence', tag: 'code', info: 'text', markup: '```' })
  })
  const { code_inline: inline, fence } = md.renderer.rules
  md.renderer.rules.code_inline = (tokens, at, ...rest) => {
    // Two braces are those of the code, and no expression of the theme's.
    tokens[at].attrSet('v-pre', '')
    return inline(tokens, at, ...rest)
  }
  md.renderer.rules.fence = (tokens, at, ...rest) => {
    const { info, content } = tokens[at]
    // The theme draws it.
    if (info.trim() === 'mermaid') return `<pre class="mermaid" v-pre>${md.utils.escapeHtml(content)}</pre>\n`
    return fence(tokens, at, ...rest)
  }
}
