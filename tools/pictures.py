"""Draw images/mistakes.svg: one line of validation text as three networks predict it.

    python tools/pictures.py

Trains the networks (seed 0, half a minute). Not part of `make course`: on another machine another mistake or
two would be drawn, and a tracked file would change."""
from html import escape
from pathlib import Path

import torch

from rnn_course.drawing import GREY, ORANGE, Svg
from rnn_course.recipes import train
from rnn_course.training import predictions

ROOT = Path(__file__).resolve().parent.parent
MODELS = {'nn_rnn': 'nn.RNN, one layer', 'two_layers': 'two layers', 'gru': 'GRU, two layers'}
SIZE, CHAR, GAP = 17, 10, 12   # font size, width of a character, space between words
LEFT, TOP, ROW = 205, 40, 62   # where the words of the first line begin, and how far the next is below


def predicted_and_right(name, stream, start, n):
    "What the trained network predicted and what was right, as words, from deep in a validation stream."
    learn = train(name, quiet=True)
    predicted, right = [], []
    for logits, targets in predictions(learn.model, learn.dls.valid):
        predicted.append(logits.argmax(-1)[stream])
        right.append(targets[stream])
    return [learn.dls.vocab.decode(torch.cat(part)[start:start+n]) for part in (predicted, right)]


def svg_text(text, x, y, size, **attributes):
    named = ''.join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}" font-size="{size}"{named}>{escape(text)}</text>'


def box_around(x, y, width):
    place = f'x="{x-4:.0f}" y="{y-SIZE:.0f}" width="{width+8:.0f}" height="{SIZE+6}"'
    return f'<rect {place} rx="5" fill="none" stroke="{ORANGE}" stroke-width="2"/>'


def mistake(x, y, width, predicted):
    "A box around the right word, and the wrong one below, struck out."
    struck = svg_text(predicted, f'{x+width/2:.0f}', y+22, 13, text_anchor='middle', fill=ORANGE,
                      text_decoration='line-through')
    return box_around(x, y, width) + struck


def line(y, right, predicted):
    "A line of words, and where it ends; where another was predicted, the word in a box with that one below."
    parts, x = [], LEFT
    for word, other in zip(right, predicted):
        width, color = len(word)*CHAR, GREY
        if other != word:
            width, color = max(width, len(other)*CHAR*.8), ORANGE
            parts.append(mistake(x, y, width, other))
        parts.append(svg_text(word, f'{x+width/2:.0f}', y, SIZE, text_anchor='middle', fill=color))
        x += width + GAP
    return ''.join(parts), x


def print_line(label, predicted, right):
    wrong = sum(a != b for a, b in zip(predicted, right))
    words = [f'{a}/{b}' if a != b else b for a, b in zip(predicted, right)]
    print(label, f'{wrong} of {len(right)} wrong:', *words)


def picture(parts, width):
    head = f'viewBox="0 0 {width:.0f} 210" width="{width:.0f}" role="img" font-family="sans-serif"'
    title = '<title>One line of validation text, with the mistakes of three networks</title>'
    return Svg(f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{title}{"".join(parts)}</svg>\n')


def main(stream=36, start=71, n=14):
    parts, width = [], 0
    for row, (name, label) in enumerate(MODELS.items()):
        y = TOP + ROW*row
        predicted, right = predicted_and_right(name, stream, start, n)
        words, end = line(y, right, predicted)
        parts.append(svg_text(label, 185, y, 15, text_anchor='end', fill=GREY, font_weight='bold'))
        parts.append(words)
        width = max(width, end)
        print_line(label, predicted, right)
    picture(parts, width).save(ROOT/'images'/'mistakes.svg')


if __name__ == '__main__': main()
