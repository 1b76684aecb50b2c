// A trained network of the course in plain JavaScript: it reads a word and says what comes next.
// Its weights come as a script of their own (appendix N), since a page opened from a file may not fetch.
(function () {
  const course = window.rnnCourse = window.rnnCourse || {}
  course.kept = course.kept || {}   // name -> what appendix N kept of a network

  // ---- arithmetic

  function floats(base64) {
    const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))
    return new Float32Array(bytes.buffer)
  }

  // W x + b; W lies row by row
  function linear({W, b}, x) {
    const out = new Float64Array(b.length)
    for (let i = 0; i < b.length; i++) {
      let sum = b[i]
      for (let j = 0; j < x.length; j++) sum += W[i*x.length + j]*x[j]
      out[i] = sum
    }
    return out
  }

  const sigmoid = x => 1/(1 + Math.exp(-x))

  function dot(a, b) {
    let sum = 0
    for (let i = 0; i < a.length; i++) sum += a[i]*b[i]
    return sum
  }

  function softmax(scores) {
    const most = Math.max(...scores)
    const powers = Array.from(scores, score => Math.exp(score - most))
    const sum = powers.reduce((a, b) => a + b)
    return powers.map(power => power/sum)
  }

  // vectors, each with its share, added up
  function mixed(vectors, shares) {
    const out = new Float64Array(vectors[0].length)
    vectors.forEach((vector, k) => { for (let i = 0; i < out.length; i++) out[i] += shares[k]*vector[i] })
    return out
  }

  // ---- the network

  class Network {
    constructor(kept) {
      this.vocab = kept.vocab
      this.size = kept.size
      this.memory = kept.memory   // how far back it can look; undefined: it cannot
      this.at = {}
      for (const [name, base64] of Object.entries(kept.numbers)) this.at[name] = floats(base64)
      this.held = null            // {gate: 'update' or 'reset', value}, for all units of the upper layer
      this.reset()
    }

    reset() {
      const layers = this.at['hidden1.b'] ? 2 : 1
      this.state = Array.from({length: layers}, () => new Float64Array(this.size))
      this.seen = []
    }

    layer(name) { return {W: this.at[`${name}.W`], b: this.at[`${name}.b`]} }

    row(name, i) {
      const table = this.at[name], wide = table.length/this.vocab.length
      return table.subarray(i*wide, (i + 1)*wide)
    }

    // The equations of chapter 5; the state of a layer moves on, and its gates are given back.
    step(k, input) {
      const n = this.size, old = this.state[k]
      const hidden = linear(this.layer(`hidden${k}`), old)
      const held = k === this.state.length - 1 ? this.held : null
      const gates = {reset: [], update: []}
      const now = new Float64Array(n)
      for (let i = 0; i < n; i++) {
        let reset = sigmoid(input[i] + hidden[i])
        let update = sigmoid(input[n + i] + hidden[n + i])
        if (held && held.gate === 'reset') reset = held.value
        if (held && held.gate === 'update') update = held.value
        const candidate = Math.tanh(input[2*n + i] + reset*hidden[2*n + i])
        now[i] = (1 - update)*candidate + update*old[i]
        gates.reset.push(reset)
        gates.update.push(update)
      }
      this.state[k] = now
      return gates
    }

    // Read a word: {logits, gates of the upper layer, and of a network that copies, weights and shares}.
    read(word) {
      const id = this.vocab.indexOf(word)
      if (id < 0) throw new Error(`“${word}” is not one of its words`)
      const before = this.state[this.state.length - 1]
      let gates = this.step(0, this.row('table', id))
      if (this.state.length > 1) gates = this.step(1, linear(this.layer('input1'), this.state[0]))
      const now = this.state[this.state.length - 1]
      if (!this.memory) return {logits: linear(this.layer('output'), now), gates}
      return {...this.look(id, before, now), gates}
    }

    // The finger of chapter 17: a moment like this one, the word that came then, and three ways to go on.
    look(id, before, now) {
      this.seen.push({key: linear(this.layer('key'), before), input: this.row('inputs', id)})
      this.seen = this.seen.slice(-this.memory)
      const query = linear(this.layer('query'), now), last = this.seen.length - 1
      const alike = key => dot(key, query)/Math.sqrt(query.length)
      const scores = this.seen.map(({key}, i) => alike(key) + this.at.nearness[last - i])
      const weights = softmax(scores)
      const found = mixed(this.seen.map(({input}) => input), weights)
      const shares = softmax(linear(this.layer('gate'), now))
      const ways = [now, linear(this.layer('copy'), found), linear(this.layer('following'), found)]
      return {logits: linear(this.layer('output'), mixed(ways, shares)), weights, shares}
    }

    readAll(words) {
      let last
      for (const word of words) last = this.read(word)
      return last
    }

    likeliest(logits, k) {
      const chances = softmax(logits)
      const order = chances.map((chance, i) => ({word: this.vocab[i], chance}))
      return order.sort((a, b) => b.chance - a.chance).slice(0, k)
    }
  }

  const made = {}
  course.network = name => {
    if (!made[name]) made[name] = new Network(course.kept[name])
    made[name].held = null
    made[name].reset()
    return made[name]
  }
  course.softmax = softmax

  // ---- counting in English

  const small = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve',
    'thirteen', 'fourteen', 'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen']
  const tens = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety']

  // The words of a number up to 999,999.
  course.spell = n => {
    if (n >= 1000) return [...course.spell(Math.floor(n/1000)), 'thousand', ...course.spell(n % 1000)]
    if (n >= 100) return [small[Math.floor(n/100)], 'hundred', ...course.spell(n % 100)]
    if (n >= 20) return [tens[Math.floor(n/10)], ...course.spell(n % 10)]
    return n ? [small[n]] : []
  }

  // The number that words spell, or undefined.
  course.value = words => {
    let thousands = 0, n = 0
    for (const word of words) {
      if (word === 'thousand') { thousands = n*1000; n = 0 }
      else if (word === 'hundred') n *= 100
      else n += Math.max(small.indexOf(word), 0) + Math.max(tens.indexOf(word), 0)*10
    }
    n += thousands
    return course.spell(n).join(' ') === words.join(' ') && n ? n : undefined
  }

  // With a sign in front that a number begins here, as `rnn-course count` reads a prompt: “seven” is not the end of
  // “forty seven”.
  course.begun = words => {
    if ([',', 'xxbos'].includes(words[0])) return words
    return [words[0] === 'one' && words[1] === ',' ? 'xxbos' : ',', ...words]
  }

  course.counted = (from, to) => {
    const words = []
    for (let n = from; n <= to; n++) words.push(...course.spell(n), ',')
    return words
  }

  // The right words after some that end in a whole number and a comma, and perhaps the beginning of the next; null
  // where nothing can be said.
  course.after = (words, howMany) => {
    const comma = words.lastIndexOf(','), begun = words.slice(comma + 1)
    if (comma < 0) return null
    const before = words.slice(0, comma)
    const last = course.value(before.slice(before.lastIndexOf(',') + 1))
    if (!last) return null
    const right = course.counted(last + 1, last + 1 + howMany)
    if (begun.some((word, i) => word !== right[i])) return null
    return right.slice(begun.length, begun.length + howMany)
  }
})()
