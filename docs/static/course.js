// What scrolls can be reached with the keyboard: a table, a plot or a line of code wider than the page.
document.addEventListener('DOMContentLoaded', () => {
  const boxes = document.querySelectorAll('.table-wrapper, .cell_output, article p:has(> img), div.highlight pre, div.math')
  function mark() {
    for (const box of boxes) {
      const scrolls = box.scrollWidth > box.clientWidth + 1
      if (scrolls) {
        box.tabIndex = 0; box.setAttribute('role', 'region')
        box.setAttribute('aria-label', box.tagName === 'PRE' ? 'Code, scrolls' : 'Wide content, scrolls')
      } else for (const name of ['tabindex', 'role', 'aria-label']) box.removeAttribute(name)
    }
  }
  mark()
  addEventListener('load', mark)
  addEventListener('resize', mark)
  addEventListener('toggle', mark, true)   // a cell was unfolded
})

// A folded cell says "Show code"; myst-nb's own label would have a screen reader say something else.
document.addEventListener('DOMContentLoaded', () => {
  for (const summary of document.querySelectorAll('details.hide > summary')) summary.removeAttribute('aria-label')
})
