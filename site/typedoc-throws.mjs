// Puts the class of an error, which typedoc keeps apart and its pages leave out, in front of what `@throws` says.
import { Converter } from 'typedoc'

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const { comment } of Object.values(project.reflections))
      for (const { tag, typeAnnotation, content } of comment?.blockTags ?? [])
        if (tag === '@throws' && typeAnnotation !== undefined)
          content.unshift(
            { kind: 'code', text: `\`${typeAnnotation.replaceAll(/[{}]/g, '')}\`` },
            { kind: 'text', text: ': ' },
          )
  })
}
