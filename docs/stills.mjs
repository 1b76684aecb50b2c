// The pictures that stand where a live figure cannot run: node docs/stills.mjs SITE NODE_MODULES CHROMIUM IMAGES
import {readdirSync, readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {resolve} from 'node:path'
import {pathToFileURL} from 'node:url'

const [site, modules, chromium, images] = process.argv.slice(2)
const require = createRequire(resolve(modules, 'x.js'))
const flags = ['--no-sandbox', '--disable-gpu']
const browser = await require('playwright-core').chromium.launch({executablePath: chromium, args: flags})
const viewport = {width: 1280, height: 1000}
const context = await browser.newContext({viewport, colorScheme: 'light', reducedMotion: 'reduce'})
const tab = await context.newPage()
const done = new Set()
for (const page of readdirSync(site).filter(name => name.endsWith('.html'))) {
  const html = readFileSync(resolve(site, page), 'utf8')
  const names = [...html.matchAll(/<figure data-live="(\w+)"/g)].map(found => found[1])
  if (names.every(name => done.has(name))) continue
  await tab.goto(pathToFileURL(resolve(site, page)).href, {waitUntil: 'load'})
  for (const name of names) {
    const figure = tab.locator(`figure[data-live=${name}] .live`)
    if (name === 'count') await figure.locator('button').first().click()   // all its words at once
    await tab.mouse.move(0, 0)
    await tab.evaluate(() => document.activeElement.blur())
    await figure.screenshot({path: resolve(images, `live-${name}.png`)})
    done.add(name)
  }
}
await browser.close()
console.log([...done].join(' '))
