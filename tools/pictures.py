"""Draw images/mistakes.svg: one line of validation text as three networks predict it.

    python tools/pictures.py

Trains the networks (seed 0, half a minute). Not part of `make course`: on another machine another mistake or two would
be drawn, and a tracked file would change."""
from html import escape
from pathlib import Path

import torch

from rnn_course.drawing import GREY, ORANGE, Svg
from rnn_course.recipes import train
from rnn_course.training import predictions

ROOT = Path(__file__).resolve().parent.parent
MODELS = {'nn_rnn': 'nn.RNN, one layer', 'two_layers': 'two layers', 'gru': 'GRU, two layers'}
SIZE, CHAR, GAP = 17, 10, 12   # font size, width of a character, space between words


def said_and_right(name, stream, start, n):
    "What the trained network said and what was right, as words, from a place deep in a validation stream."
    learn = train(name, quiet=True)
    rows = [(logits.argmax(-1)[stream], targets[stream]) for logits, targets in predictions(learn.model, learn.dls.valid)]
    return [learn.dls.vocab.decode(torch.cat(part)[start:start+n]) for part in zip(*rows)]


def line(y, words, said=None, left=205):
    "A line of words; where `said` differs, the word in a box with what was said below."
    parts, x = [], left
    for i, word in enumerate(words):
        w = len(word)*CHAR
        wrong = said is not None and said[i] != word
        color = ORANGE if wrong else GREY
        if wrong:
            w = max(w, len(said[i])*CHAR*.8)
            parts.append(f'<rect x="{x-4:.0f}" y="{y-SIZE:.0f}" width="{w+8:.0f}" height="{SIZE+6}" rx="5" fill="none" stroke="{color}" stroke-width="2"/>')
            parts.append(f'<text x="{x+w/2:.0f}" y="{y+22}" font-size="13" text-anchor="middle" fill="{color}" text-decoration="line-through">{escape(said[i])}</text>')
        parts.append(f'<text x="{x+w/2:.0f}" y="{y}" font-size="{SIZE}" text-anchor="middle" fill="{color}">{escape(word)}</text>')
        x += w + GAP
    return ''.join(parts), x


def main(stream=36, start=71, n=14):
    parts, width = [], 0
    results = {label: said_and_right(name, stream, start, n) for name, label in MODELS.items()}
    for row, (label, (said, right)) in enumerate(results.items()):
        y = 40 + 62*row
        text, end = line(y, right, said)
        wrong = sum(a != b for a, b in zip(said, right))
        parts.append(f'<text x="185" y="{y}" font-size="15" text-anchor="end" fill="{GREY}" font-weight="bold">{escape(label)}</text>{text}')
        print(label, f'{wrong} of {n} wrong:', *[f'{a}/{b}' if a != b else b for a, b in zip(said, right)])
        width = max(width, end)
    Svg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} 210" width="{width:.0f}" role="img" font-family="sans-serif">'
        f'<title>One line of validation text, with the mistakes of three networks</title>{"".join(parts)}</svg>\n').save(ROOT/'images'/'mistakes.svg')


if __name__ == '__main__': main()
