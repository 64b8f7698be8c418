// The default theme, with what three kinds of pages need beside it: the program of the first one, diagrams, and the playground.
import { h, nextTick, onMounted, onUnmounted, watch } from 'vue'
import { useData, useRoute } from 'vitepress'
import theme from 'vitepress/theme'
import './style.css'

/** The program of the first page, where the theme would have a picture. */
const Program = () => h('div', { class: 'program vp-doc', innerHTML: useData().frontmatter.value.program })

export default {
  extends: theme,
  Layout: () => h(theme.Layout, null, { 'home-hero-image': Program }),
  setup() {
    const route = useRoute()
    const { isDark } = useData()
    let leave = () => {}
    const arrive = async () => {
      leave()
      leave = () => {}
      await nextTick()
      const place = document.getElementById('play')
      const diagrams = [...document.querySelectorAll('pre.mermaid')]
      if (place !== null) {
        const { play } = await import('../../../docs/play/page.ts')
        // Meanwhile the reader may have gone on.
        if (place.isConnected) leave = play(place)
      }
      if (diagrams.length > 0) await (await import('./diagrams.mjs')).draw(diagrams, isDark.value)
    }
    onMounted(arrive)
    onUnmounted(() => leave())
    watch([() => route.path, isDark], arrive)
  },
}
