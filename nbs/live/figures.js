// The live figures. Each is a <figure data-live="name"> with a still picture and a description; where scripts
// run, the picture gives way to the figure. All text that a reader types stays in the page.
(function () {
  const course = window.rnnCourse, figures = course.figures = course.figures || {}
  const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches

  // ---- what the figures are made of

  // An element with attributes (a function listens) and children.
  function make(tag, attributes, ...children) {
    const drawn = ['svg', 'line', 'rect', 'text', 'polyline'].includes(tag)
    const kind = drawn ? 'http://www.w3.org/2000/svg' : 'http://www.w3.org/1999/xhtml'
    const element = document.createElementNS(kind, tag)
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === 'function') element.addEventListener(name, value)
      else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
    }
    element.append(...children.filter(child => child !== undefined))
    return element
  }

  let number = 0
  function labelled(text, control, shown) {
    control.id = `live-${++number}`
    return make('span', {class: 'control'}, make('label', {for: control.id}, text), control, shown)
  }

  function slider(text, {min, max, step, value, say = String}, changed) {
    const input = make('input', {type: 'range', min, max, step, value})
    const shown = make('output', {}, say(value))
    input.addEventListener('input', () => { shown.textContent = say(+input.value); changed(+input.value) })
    return {input, control: labelled(text, input, shown)}
  }

  function choice(text, options, changed) {
    const select = make('select', {change: () => changed(select.value)},
      ...Object.entries(options).map(([value, said]) => make('option', {value}, said)))
    return {select, control: labelled(text, select)}
  }

  const button = (text, pressed) => make('button', {type: 'button', click: pressed}, text)
  const controls = (...children) => make('div', {class: 'controls'}, ...children)
  const say = () => make('p', {class: 'said', role: 'status'})
  const head = text => make('p', {class: 'head'}, text)
  const small = text => make('p', {class: 'small'}, text)
  const twoDigits = value => value.toFixed(2)

  function textBox(value) {
    return make('input', {type: 'text', size: 44, spellcheck: 'false', autocomplete: 'off', value})
  }

  // A region that scrolls where it is wider than the page, and so can be reached by keyboard.
  function region(name) {
    return make('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': name})
  }
  const words = text => text.trim().toLowerCase().replaceAll(',', ' , ').split(/\s+/).filter(Boolean)
  const percent = chance => chance < .0005 ? '< 0.1 %' : `${(100*chance).toFixed(chance < .1 ? 1 : 0)} %`

  function unknown(network, asked) {
    const wrong = asked.find(word => !network.vocab.includes(word))
    if (!asked.length) return 'Type some words to begin with, such as “one , two ,”.'
    const known = network.vocab.filter(word => /^[a-z,]+$/.test(word) && !word.startsWith('xx')).join(' ')
    return wrong && `“${wrong}” is not one of its words. It knows: ${known}`
  }

  // A word of a text; a wrong one is struck through, and what it should have been stands behind it.
  function token(word, right) {
    if (!right || right === word) return make('span', {class: 'word'}, word)
    return make('span', {class: 'word wrong'}, make('del', {}, word), ' ', make('ins', {}, right))
  }

  function bars(rows) {
    return make('div', {class: 'bars'}, ...rows.flatMap(({word, chance, kind}) => [
      make('span', {class: 'name'}, word),
      make('span', {class: 'bar'}, make('span', {class: kind || 'likely', style: `width:${100*chance}%`})),
      make('span', {class: 'value'}, percent(chance))]))
  }

  // ---- 1: a network counts

  figures.count = (place) => {
    const network = course.network('reads_and_counts')
    const prompt = textBox('seven thousand nine hundred ninety seven ,')
    const text = make('p', {class: 'text', 'aria-label': 'what it says'}), likely = make('div'), said = say()
    let written, asked, next, timer, right

    function stop(why) {
      clearTimeout(timer)
      timer = null
      go.textContent = 'Count'
      if (why) said.textContent = why
    }

    function begin() {
      stop()
      asked = words(prompt.value)
      written = []
      right = 0
      network.reset()
      text.replaceChildren()
      likely.replaceChildren()
      const trouble = unknown(network, asked)
      said.textContent = trouble || ''
      if (trouble) return false
      text.append(make('span', {class: 'given'}, asked.join(' ')), ' ')
      next = network.readAll(course.begun(asked))
      show()
      return true
    }

    function show() { likely.replaceChildren(bars(network.likeliest(next.logits, 3))) }

    // One word more; false after a wrong one.
    function word() {
      const all = [...asked, ...written], best = network.likeliest(next.logits, 1)[0].word
      const due = course.after(all, 1)
      written.push(best)
      text.append(token(best, due ? due[0] : undefined), ' ')
      if (text.childNodes.length > 160) for (let i = 0; i < 40; i++) text.firstChild.remove()
      next = network.read(best)
      show()
      if (due && due[0] !== best) {
        stop(`Wrong, after ${right} right words: here comes “${due[0]}”, and it says “${best}”.`)
        return false
      }
      if (due) right++
      said.textContent = due
        ? `${right} words, all of them right.`
        : 'No way to tell whether this is right: begin with a number and a comma.'
      return true
    }

    function run() {
      if (timer) return stop('')
      if (!written || stale()) { if (!begin()) return }
      if (calm()) {
        for (let i = 0; i < 40; i++) if (!word()) break
        return
      }
      go.textContent = 'Stop'
      const tick = () => { timer = setTimeout(() => { if (word() && timer) tick() }, 160) }
      tick()
    }

    const stale = () => words(prompt.value).join(' ') !== asked.join(' ')
    const go = button('Count', run)
    const one = button('One word', () => { stop(); if ((written && !stale()) || begin()) word() })
    const again = button('From the beginning', () => { begin() })
    prompt.addEventListener('keydown', event => { if (event.key === 'Enter') { stop(); begin() && run() } })
    place.append(controls(labelled('Begin with', prompt), go, one, again), text, likely, said)
    begin()
    if (!calm()) {
      const seen = new IntersectionObserver(found => {
        if (!found.some(part => part.isIntersecting)) return
        seen.disconnect()
        if (!timer && !written.length) run()
      })
      seen.observe(place)
    }
  }

  // ---- 2: keep the state, or forget it

  figures.state = (place) => {
    const network = course.network('gru')
    const texts = make('div'), said = say()
    let from = 3456, wide = 10

    function read(forgets) {
      const text = course.counted(from, from + 9), shown = make('p', {class: 'text'})
      let wrong = 0
      network.reset()
      let next = null
      text.forEach((word, i) => {
        if (i && i % wide === 0) {
          shown.append(make('span', {class: 'cut', 'aria-hidden': 'true'}, forgets ? '✂' : '|'), ' ')
          if (forgets) network.reset()
        }
        if (next) {
          const best = network.likeliest(next.logits, 1)[0].word
          if (best !== word) wrong++
          shown.append(token(best, word), ' ')
        } else shown.append(make('span', {class: 'given'}, word), ' ')
        next = network.read(word)
      })
      return {shown, wrong, of: text.length - 1}
    }

    function show() {
      const kept = read(false), forgot = read(true)
      texts.replaceChildren(
        head(`It keeps its state: ${kept.wrong} of ${kept.of} words wrong`), kept.shown,
        head(`It forgets at each window: ${forgot.wrong} of ${forgot.of} wrong`), forgot.shown)
      said.textContent = `From ${from.toLocaleString('en')}, in windows of ${wide} words.`
    }

    const numbers = {min: 100, max: 7980, step: 1, value: from, say: n => n.toLocaleString('en')}
    const start = slider('Read from', numbers, n => { from = n; show() })
    const widths = {min: 2, max: 30, step: 1, value: wide}
    const width = slider('Words in a window', widths, n => { wide = n; show() })
    place.append(controls(start.control, width.control), texts, said)
    show()
  }

  // ---- 5: a gate as a dial, and a trained network's gates

  figures.gates = (place) => {
    let old = .8, candidate = -.5, z = .7
    const dial = make('div')
    function turn() {
      const now = (1 - z)*candidate + z*old
      dial.replaceChildren(make('div', {class: 'bars'},
        ...signedBar('old state', old, 'likely'),
        ...signedBar('candidate', candidate, 'other'),
        ...signedBar('new state', now, 'third')))
    }

    // From the middle to the left or to the right.
    function signedBar(name, value, kind) {
      const style = `left:${50 + 50*Math.min(value, 0)}%;width:${50*Math.abs(value)}%`
      return [make('span', {class: 'name'}, name),
        make('span', {class: 'bar signed'}, make('span', {class: kind, style})),
        make('span', {class: 'value'}, twoDigits(value))]
    }

    const range = (min, value) => ({min, max: 1, step: .01, value, say: twoDigits})
    const sliders = [
      slider('update gate z', range(0, z), value => { z = value; turn() }),
      slider('old state', range(-1, old), value => { old = value; turn() }),
      slider('candidate', range(-1, candidate), value => { candidate = value; turn() })]
    turn()

    const network = course.network('gru')
    const prompt = textBox(course.counted(348, 351).join(' '))
    const picture = region('gates of the units, word by word')
    const text = make('p', {class: 'text'}), said = say()
    let gate = 'update', hold = 'no'

    function read() {
      const asked = words(prompt.value).slice(0, 60), trouble = unknown(network, asked)
      picture.replaceChildren()
      text.replaceChildren()
      said.textContent = trouble || ''
      if (trouble) return
      network.reset()
      network.held = hold === 'no' ? null : {gate, value: hold === 'open' ? 1 : 0}
      const columns = []
      let wrong = 0, judged = 0, next = null
      asked.forEach((word, i) => {
        if (next) {
          const best = network.likeliest(next.logits, 1)[0].word
          text.append(token(best, word), ' ')
          judged++
          if (best !== word) wrong++
        } else text.append(make('span', {class: 'given'}, word), ' ')
        next = network.read(word)
        columns.push(next.gates[gate])
      })
      network.held = null
      picture.append(heat(columns, asked, `${gate} gate`))
      const state = {no: 'as trained', open: 'all held at 1', shut: 'all held at 0'}[hold]
      said.textContent = `Upper layer, ${gate} gates ${state}: ${wrong} of ${judged} words wrong.`
    }

    const gates = {update: 'update gate', reset: 'reset gate'}
    const shown = choice('Show the', gates, value => { gate = value; read() })
    const ways = {no: 'leave it as it was trained', open: 'hold it at 1, all units', shut: 'hold it at 0, all units'}
    const held = choice('and', ways, value => { hold = value; read() })
    prompt.addEventListener('input', read)
    place.append(
      head('One unit: turn the gate'), controls(...sliders.map(part => part.control)), dial,
      head('A trained GRU, 64 units'), controls(labelled('It reads', prompt), shown.control, held.control),
      picture, text, said)
    read()
  }

  // Columns of numbers between 0 and 1, a word below each; units with their largest variance on top.
  function heat(columns, below, what) {
    const units = columns[0].map((_, unit) => unit)
    const spread = units.map(unit => {
      const values = columns.map(column => column[unit]), mean = values.reduce((a, b) => a + b)/values.length
      return values.reduce((sum, value) => sum + (value - mean)**2, 0)
    })
    units.sort((a, b) => spread[b] - spread[a])
    const wide = 22, high = 4, bottom = 74
    const label = `${what}: a row a unit, a column a word; the darker the nearer to 1`
    const size = {width: columns.length*wide + 4, height: units.length*high + bottom}
    const svg = make('svg', {...size, role: 'img', 'aria-label': label})
    columns.forEach((column, i) => {
      const x = i*wide
      units.forEach((unit, row) => {
        const box = {x, y: row*high, width: wide - 1, height: high}
        svg.append(make('rect', {...box, class: 'cell', 'fill-opacity': twoDigits(column[unit])}))
      })
      const transform = `translate(${x + wide/2 + 4} ${units.length*high + 6}) rotate(90)`
      svg.append(make('text', {transform, class: 'tick'}, below[i]))
    })
    return svg
  }

  // ---- 8: the gradient fades

  function randomNumbers(seed) {   // Mulberry32
    return () => {
      seed = (seed + 0x6D2B79F5) | 0
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return ((t ^ (t >>> 14)) >>> 0)/4294967296
    }
  }

  const times = (W, x) => W.map(row => row.reduce((sum, w, j) => sum + w*x[j], 0))
  const size = x => Math.sqrt(x.reduce((sum, value) => sum + value*value, 0))

  // How fast repeated products with W grow in the long run: its spectral radius.
  function radius(W) {
    let x = W.map((_, i) => 1 + i % 3), logs = 0
    for (let k = 0; k < 600; k++) {
      x = times(W, x)
      const long = size(x)
      x = x.map(value => value/long)
      if (k >= 100) logs += Math.log(long)
    }
    return Math.exp(logs/500)
  }

  figures.fading = (place) => {
    const n = 32, steps = 60, random = randomNumbers(1)
    const normal = () => Math.sqrt(-2*Math.log(1 - random()))*Math.cos(2*Math.PI*random())
    let W = Array.from({length: n}, () => Array.from({length: n}, normal))
    const before = radius(W)
    W = W.map(row => row.map(w => w/before))   // radius 1
    const inputs = Array.from({length: steps}, () => Array.from({length: n}, normal))
    const first = Array.from({length: n}, normal), unit = first.map(value => value/size(first))
    let rho = 1, loud = .5

    function gradients() {
      const scaled = W.map(row => row.map(w => w*rho))
      const turned = scaled.map((_, i) => scaled.map(row => row[i]))
      const slopes = []
      let h = new Array(n).fill(0)
      for (const input of inputs) {
        h = times(scaled, h).map((value, i) => Math.tanh(value + loud*input[i]))
        slopes.push(h.map(value => 1 - value*value))
      }
      let straight = unit, bent = unit
      const found = {straight: [1], bent: [1]}
      for (let k = 0; k < steps; k++) {
        straight = times(turned, straight)
        const slope = slopes[steps - 1 - k]
        bent = times(turned, bent.map((value, i) => value*slope[i]))
        found.straight.push(size(straight))
        found.bent.push(size(bent))
      }
      return found
    }

    // 7e-9 as 7 · 10⁻⁹
    function power(value) {
      const [digit, exponent] = value.toExponential(0).split('e')
      const raised = Array.from(exponent.replace('+', ''), sign => sign === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[sign])
      return `${digit} · 10${raised.join('')}`
    }

    const picture = region('size of the gradient over the distance'), said = say()
    const legend = make('p', {class: 'small'},
      make('span', {class: 'key likely'}, 'the recurrent matrix alone'), ' ',
      make('span', {class: 'key other'}, 'with tanh between'))
    function show() {
      const found = gradients()
      picture.replaceChildren(plot(found))
      const far = value => value >= .01 && value < 1000 ? twoDigits(value) : power(value)
      const left = `what is left of the gradient after ${steps} steps`
      const straight = far(found.straight[steps]), bent = far(found.bent[steps])
      said.textContent = `With a spectral radius of ${twoDigits(rho)}, ${left}: `
        + `${straight} by the matrix alone, ${bent} with tanh.`
    }

    function plot({straight, bent}) {
      const wide = 460, high = 260, left = 44, right = 12, bottom = 40, top = 12, low = -12, up = 8
      const x = k => left + k/steps*(wide - left - right)
      const within = value => Math.max(low, Math.min(up, Math.log10(value)))
      const y = value => top + (up - within(value))/(up - low)*(high - top - bottom)
      const middle = (x, y, words) => make('text', {x, y, 'text-anchor': 'middle', class: 'tick'}, words)
      const label = 'two lines, from the last step back'
      const svg = make('svg', {viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': label})

      function line(values, kind) {
        const points = values.map((value, k) => `${x(k)},${y(value)}`).join(' ')
        return make('polyline', {class: kind, points})
      }

      for (const exponent of [-12, -8, -4, 0, 4, 8]) {
        const place = y(10**exponent), words = exponent ? power(10**exponent).slice(4) : '1'
        svg.append(make('line', {x1: left, x2: wide - right, y1: place, y2: place, class: 'grid'}),
          make('text', {x: left - 6, y: place + 4, 'text-anchor': 'end', class: 'tick'}, words))
      }
      for (const k of [0, 20, 40, 60]) svg.append(middle(x(k), high - 22, k))
      svg.append(middle((left + wide - right)/2, high - 4, 'steps back'),
        line(straight, 'line likely'), line(bent, 'line other'))
      return svg
    }

    const radii = {min: .5, max: 1.5, step: .01, value: rho, say: twoDigits}
    const rhos = slider('spectral radius', radii, value => { rho = value; show() })
    const sizes = {min: 0, max: 2, step: .05, value: loud, say: twoDigits}
    const louds = slider('size of the inputs', sizes, value => { loud = value; show() })
    place.append(controls(rhos.control, louds.control), legend, picture, said)
    show()
  }

  // ---- 17: temperature, top-k, and where it looks

  figures.look = (place) => {
    const network = course.network('reads_and_counts')
    const prompt = textBox('seven thousand nine hundred ninety eight ,')
    const label = 'what it says; choose a word to see where it looked'
    const text = make('div', {class: 'text', role: 'group', 'aria-label': label})
    const detail = make('div'), said = say()
    let temperature = 0, k = 31, seed = 1, read = []

    function draw(logits, random) {
      const best = network.likeliest(logits, k)
      if (temperature === 0) return best[0].word
      const chances = course.softmax(best.map(({chance}) => Math.log(chance + 1e-300)/temperature))
      let left = random()
      return best[chances.findIndex(chance => (left -= chance) < 0)]?.word ?? best[0].word
    }

    function write() {
      const asked = words(prompt.value), trouble = unknown(network, asked), random = randomNumbers(seed)
      text.replaceChildren()
      detail.replaceChildren()
      said.textContent = trouble || ''
      read = []
      if (trouble) return
      network.reset()
      const all = []
      let next = null, wrong = 0
      network.readAll(course.begun(asked).slice(0, -asked.length))   // the sign in front, which is not shown
      for (const word of asked) { next = network.read(word); all.push(word); read.push(next) }
      for (let i = 0; i < 40; i++) {
        const due = course.after(all, 1), word = draw(next.logits, random)
        if (due && due[0] !== word) wrong++
        next = network.read(word)
        all.push(word)
        read.push(next)
      }
      all.forEach((word, i) => {
        const due = i < asked.length ? null : course.after(all.slice(0, i), 1)
        const bad = due && due[0] !== word
        const kinds = ['pick', i < asked.length && 'given', bad && 'wrong'].filter(Boolean).join(' ')
        const show = () => look(i, all)
        const events = {focus: show, mouseenter: show, click: show}
        const shown = bad ? make('del', {}, word) : word
        text.append(make('button', {type: 'button', class: kinds, disabled: i === 0, ...events}, shown), ' ')
      })
      look(Math.min(asked.length + 7, all.length - 1), all)   // at first the turn
      said.textContent = wrong
        ? `${wrong} of 40 words do not go on from what stands before them.`
        : 'Every word goes on from what stands before it.'
    }

    // Before it said word i, where did it look, and which way did it take?
    function look(i, all) {
      const {weights, shares, logits} = read[i - 1]
      const first = i - weights.length   // the oldest word that it could see
      ;[...text.children].forEach((element, j) => {
        const weight = j >= first && j < i ? weights[j - first] : 0
        element.style.setProperty('--weight', `${Math.round(100*weight)}%`)
        element.classList.toggle('chosen', j === i)
      })
      const seen = weights.indexOf(Math.max(...weights)), there = all[first + seen] || 'the beginning'
      const best = network.likeliest(logits, 3)
      const names = ['says', 'one matrix', 'the other'], kinds = ['likely', 'other', 'third']
      const ways = names.map((word, j) => ({word, chance: shares[j], kind: kinds[j]}))
      detail.replaceChildren(
        head(`Before it says “${all[i]}”: it looks at “${there}” most, ${percent(weights[seen])}`),
        make('div', {class: 'two'},
          make('div', {}, small('likeliest words'), bars(best)),
          make('div', {}, small('shares of its three ways'), bars(ways))))
    }

    const heat = {min: 0, max: 2, step: .1, value: 0, say: value => value.toFixed(1)}
    const warm = slider('temperature', heat, value => { temperature = value; write() })
    const top = slider('of the likeliest', {min: 1, max: 31, step: 1, value: 31}, value => { k = value; write() })
    prompt.addEventListener('input', write)
    const again = button('Draw again', () => { seed++; write() })
    const knobs = controls(labelled('Begin with', prompt), warm.control, top.control, again)
    place.append(knobs, text, detail, said)
    write()
  }

  // ---- begin

  course.start = () => {
    for (const figure of document.querySelectorAll('figure[data-live]:not([data-started])')) {
      figure.dataset.started = ''
      const place = make('div', {class: 'live'})
      figure.querySelectorAll(':scope > img').forEach(still => still.remove())
      figure.prepend(place)
      figures[figure.dataset.live](place)
    }
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', course.start)
  else course.start()
})()
