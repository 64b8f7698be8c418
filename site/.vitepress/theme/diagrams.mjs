// Decision trees, which the pages have as text, as GitHub draws them too.
import mermaid from 'mermaid'

/**
 * Draws diagrams in the colours of the scheme, also once more when that has changed.
 *
 * @param {readonly HTMLElement[]} places - each holds the text of its diagram
 */
export async function draw(places, isDark) {
  for (const place of places) {
    place.dataset.text ??= place.textContent
    place.textContent = place.dataset.text
    delete place.dataset.processed
  }
  mermaid.initialize({
    startOnLoad: false,
    theme: isDark ? 'dark' : 'neutral',
    // Close together: a page is narrow, and what does not fit is made smaller.
    flowchart: { nodeSpacing: 16, rankSpacing: 20, padding: 6, diagramPadding: 0, wrappingWidth: 130 },
  })
  await mermaid.run({ nodes: places })
}
