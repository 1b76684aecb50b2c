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
  mark(); addEventListener('load', mark); addEventListener('resize', mark)
})
