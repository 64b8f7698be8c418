// Names of headings as GitHub makes them, so that a link fits both there and on the site.

/** @param {string} heading - its text, without marks of markdown */
export const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-')
