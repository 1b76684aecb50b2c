// Look at every page of the site in Chromium, from its files, and say what was seen:
//     node tests/site.mjs SITE NODE_MODULES CHROMIUM PROMPTS > seen.json
import {readdirSync, readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {resolve} from 'node:path'
import {pathToFileURL} from 'node:url'

const [site, modules, chromium, prompts] = process.argv.slice(2)
const require = createRequire(resolve(modules, 'x.js'))
const address = page => pathToFileURL(resolve(site, page)).href
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const browser = await require('playwright-core').chromium.launch({executablePath: chromium, args: flags})

async function open(page, seen) {
  const tab = await (await browser.newContext({viewport: {width: 1280, height: 900}, colorScheme: 'light'})).newPage()
  tab.on('console', said => said.type() === 'error' && seen.errors.push(said.text()))
  tab.on('pageerror', error => seen.errors.push(String(error)))
  tab.on('requestfailed', request => seen.errors.push(`not loaded: ${request.url()}`))
  tab.on('request', request => /^(file|data|blob):/.test(request.url()) || seen.outside.push(request.url()))
  if (page) await tab.goto(address(page), {waitUntil: 'load'})
  return tab
}

// What sticks out of the page, but for what lies in a box that scrolls and for the drawers that wait beside a narrow page.
function tooWide() {
  const width = document.documentElement.clientWidth, found = []
  const boxes = 'pre, .table-wrapper, .cell_output, div.math, p:has(> img)'   // they may scroll; the page may not
  const waiting = '.sidebar-drawer, .toc-drawer, .skip-to-content, mjx-assistive-mml'
  for (const box of [document.documentElement, document.body, ...document.querySelectorAll('.page, .main, .content')])
    if (box.scrollWidth > box.clientWidth + 1) found.push(`${box.tagName.toLowerCase()}.${box.className} scrolls, ${box.scrollWidth} wide`)
  for (const element of document.body.querySelectorAll('*')) {
    const {left, right, height} = element.getBoundingClientRect()
    if (!height || (right <= width + 1 && left >= -1) || element.closest(waiting) || element.parentElement.closest(boxes)) continue
    found.push(`${element.tagName.toLowerCase()}.${element.className} from ${Math.round(left)} to ${Math.round(right)}`)
  }
  return found
}

// A word of code has the colour of its class: one of each will do, of the thousands that a chapter has.
function oneOfEach() {
  const seen = new Set()
  for (const span of document.querySelectorAll('div.highlight pre span')) {
    const kind = [span.className, !!span.closest('.cell_output'), !!span.closest('.stderr')].join()
    if (seen.has(kind)) span.replaceWith(...span.childNodes)
    seen.add(kind)
  }
}

async function serious(tab, rules) {
  const only = rules ? {runOnly: {type: 'rule', values: rules}} : {}
  return tab.evaluate(async only => (await axe.run(document, {resultTypes: ['violations'], preload: false, ...only})).violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `${v.id}: ${v.nodes.length} times, as in ${v.nodes[0].html.slice(0, 200)} (${v.nodes[0].target})`), only)
}

async function look(page, tab, seen) {
  await tab.setViewportSize({width: 1280, height: 900})
  await tab.goto(address(page), {waitUntil: 'load'})
  await tab.evaluate(() => window.MathJax?.startup?.promise)
  seen.maths = await tab.evaluate(() => ({written: document.querySelectorAll('.math').length, drawn: document.querySelectorAll('.math > mjx-container').length}))
  seen.blank = await tab.evaluate(() => [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src))
  seen.noAlt = await tab.evaluate(() => [...document.images].filter(i => !/\w\w \w/.test(i.alt)).map(i => `${i.src}: ${i.alt}`))
  await tab.addScriptTag({path: require.resolve('axe-core/axe.min.js')})
  await tab.evaluate(oneOfEach)
  seen.light = await serious(tab)
  await tab.evaluate(() => { document.body.dataset.theme = 'dark' })
  seen.dark = await serious(tab, ['color-contrast', 'link-in-text-block'])
  await tab.setViewportSize({width: 375, height: 812})
  await tab.waitForTimeout(100)   // for the page to lay itself out anew
  seen.tooWide = await tab.evaluate(tooWide)
  seen.phone = await serious(tab, ['scrollable-region-focusable', 'target-size'])
}

async function search(words) {
  const seen = {errors: [], outside: []}
  const tab = await open('index.html', seen)
  await tab.fill('.sidebar-search', words)
  await tab.press('.sidebar-search', 'Enter')
  await tab.waitForSelector('#search-results .search li a')
  await tab.waitForFunction(() => /found|matching/.test(document.querySelector('#search-results .search-summary')?.textContent ?? ''))
  seen.found = await tab.$$eval('#search-results .search li a', links => links.map(a => a.getAttribute('href').split(/[?#]/)[0]))
  await tab.context().close()
  return seen
}

async function dark() {
  const seen = {errors: [], outside: []}
  const tab = await open('05_gru.html', seen)
  const ground = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).map(Number))
  seen.before = await ground()
  for (let i = 0; i < 3 && await tab.evaluate(() => document.body.dataset.theme) !== 'dark'; i++) await tab.click('.theme-toggle:visible')
  seen.after = await ground()
  await tab.click('.next-page')
  await tab.waitForLoadState('load')
  seen.page = tab.url().split('/').pop()
  seen.next = await ground()
  await tab.context().close()
  return seen
}

async function copy() {
  const seen = {errors: [], outside: []}
  const tab = await open('05_gru.html', seen)
  await tab.evaluate(() => document.addEventListener('copy', () => { window.copied = getSelection().toString() || document.activeElement.value }, true))
  const cell = tab.locator('.cell > .cell_input:has(.copybtn)').first()
  await cell.hover()
  await cell.locator('.copybtn').click()
  seen.code = await cell.locator('pre').innerText()
  await tab.waitForFunction(() => window.copied, null, {timeout: 5000}).catch(() => {})
  seen.copied = await tab.evaluate(() => window.copied)
  await tab.context().close()
  return seen
}

// ---- the live figures

const LIVE = {
  count: 'index.html', state: '02_stateful.html', gates: '05_gru.html', fading: '08_gradients.html', look: '17_rule.html'}

// What a reader with a keyboard does: the figure is never clicked.
const byKeyboard = {
  async count(tab, figure) {
    const input = figure.locator('input[type=text]')
    await input.focus()
    await input.press('ControlOrMeta+a')
    await tab.keyboard.type('nine thousand nine hundred ninety nine ,')
    await tab.keyboard.press('Enter')
    const saysWrong = () => /Wrong/.test(document.querySelector('.live .said').textContent)
    await tab.waitForFunction(saysWrong, null, {timeout: 20000})
    const wrong = await figure.locator('.said').innerText()
    await input.focus()
    await input.press('ControlOrMeta+a')
    await tab.keyboard.type('seven thousand nine hundred ninety nine ,')
    await tab.keyboard.press('Tab')   // to the button Count
    await tab.keyboard.press('Tab')   // to the button One word
    await tab.keyboard.press('Enter')
    await tab.keyboard.press('Enter')
    const right = await figure.locator('.text').innerText()
    await input.focus()
    await input.press('ControlOrMeta+a')
    await tab.keyboard.type('zero ,')
    await tab.keyboard.press('Enter')
    return {wrong, right, unknown: await figure.locator('.said').innerText()}
  },
  async state(tab, figure) {
    const before = await figure.locator('.head').allInnerTexts()
    await figure.locator('input[type=range]').nth(1).focus()
    for (let i = 0; i < 8; i++) await tab.keyboard.press('ArrowLeft')
    const after = await figure.locator('.head').allInnerTexts()
    return {before, after, said: await figure.locator('.said').innerText()}
  },
  async gates(tab, figure) {
    const value = () => figure.locator('.bars .value').nth(2).innerText()
    const before = await value()
    await figure.locator('input[type=range]').first().focus()
    await tab.keyboard.press('End')
    const after = await value(), trained = await figure.locator('.said').innerText()
    await figure.locator('select').nth(1).focus()
    await tab.keyboard.press('ArrowDown')
    return {before, after, trained, held: await figure.locator('.said').innerText()}
  },
  async fading(tab, figure) {
    const said = () => figure.locator('.said').innerText()
    const before = await said()
    await figure.locator('input[type=range]').first().focus()
    for (let i = 0; i < 20; i++) await tab.keyboard.press('ArrowRight')
    return {before, after: await said()}
  },
  async look(tab, figure) {
    const head = () => figure.locator('.head').innerText()
    const before = await head()
    await figure.locator('.pick:not([disabled])').nth(14).focus()
    const after = await head(), cold = await figure.locator('.said').innerText()
    await figure.locator('input[type=range]').first().focus()
    await tab.keyboard.press('End')
    return {before, after, cold, hot: await figure.locator('.said').innerText()}
  },
}

async function live(name) {
  const seen = {errors: [], outside: []}
  const tab = await open(LIVE[name], seen)
  const figure = tab.locator(`figure[data-live=${name}]`)
  seen.started = await figure.locator('.live').count()
  seen.stills = await figure.locator(':scope > img').count()
  const sources = await tab.evaluate(() => [...document.scripts].map(script => script.src))
  seen.scripts = sources.map(source => source.split('/').pop().split('?')[0])
  seen.said = await byKeyboard[name](tab, figure)
  await tab.context().close()
  const plain = await browser.newContext({javaScriptEnabled: false})
  const off = await plain.newPage()
  await off.goto(address(LIVE[name]), {waitUntil: 'load'})
  const still = off.locator(`figure[data-live=${name}] > img`)
  seen.off = {width: (await still.boundingBox())?.width, alt: await still.getAttribute('alt'),
    about: await off.locator(`figure[data-live=${name}] figcaption`).innerText()}
  await plain.close()
  return seen
}

// The figures move only where a reader has not asked for calm.
async function calm() {
  const context = await browser.newContext({reducedMotion: 'reduce', viewport: {width: 1280, height: 900}})
  const tab = await context.newPage()
  await tab.goto(address('index.html'), {waitUntil: 'load'})
  const text = () => tab.locator('figure[data-live=count] .text').innerText()
  const before = await text()
  await tab.waitForTimeout(1000)
  const later = await text()
  await tab.locator('figure[data-live=count] button').first().press('Enter')
  const after = await text()
  await context.close()
  return {before, later, after}
}

// What JavaScript's networks answer to prompts: name -> logits after each.
async function logits(prompts) {
  const seen = {errors: [], outside: []}, found = {}
  for (const [name, page] of Object.entries({gru: '05_gru.html', reads_and_counts: '17_rule.html'})) {
    const tab = await open(page, seen)
    found[name] = await tab.evaluate(([name, prompts]) => {
      const after = prompt => [...rnnCourse.network(name).readAll(prompt).logits]
      return prompts.map(after)
    }, [name, prompts])
    await tab.context().close()
  }
  return found
}

const pages = readdirSync(site, {recursive: true}).map(String).filter(name => name.endsWith('.html')).sort()
const seen = {pages: {}}
const rest = [...pages]
async function worker() {
  const now = {errors: [], outside: []}, tab = await open(null, now)
  for (let page; (page = rest.shift());) {
    seen.pages[page] = {}
    await look(page, tab, seen.pages[page])
    Object.assign(seen.pages[page], {errors: now.errors.splice(0), outside: now.outside.splice(0)})
  }
  await tab.context().close()
}
await Promise.all([worker(), worker()])
Object.assign(seen, {search: await search('reset gate'), dark: await dark(), copy: await copy()})
seen.live = {}
for (const name of Object.keys(LIVE)) seen.live[name] = await live(name)
Object.assign(seen, {calm: await calm(), logits: await logits(JSON.parse(readFileSync(prompts, 'utf8')))})
await browser.close()
console.log(JSON.stringify(seen, null, 1))
