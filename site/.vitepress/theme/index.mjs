// The default theme, with what two kinds of pages need beside it: diagrams, and the playground.
import { nextTick, onMounted, onUnmounted, watch } from 'vue'
import { useData, useRoute } from 'vitepress'
import theme from 'vitepress/theme'
import './style.css'

export default {
  extends: theme,
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
