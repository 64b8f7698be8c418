// Prints what every subject answers here; run inside a namespace that shows the tree of another machine.
import { subjects } from './subjects.mjs'

const answers = {}
for (const { id, ask } of subjects) {
  try {
    answers[id] = await ask()
  } catch (error) {
    answers[id] = { error: error.message }
  }
}
console.log(JSON.stringify(answers))
