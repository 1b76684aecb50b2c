"How far a network counts, and the box to try it in: what would teach nothing in the chapter."
import pytest
import torch
from torch import nn

from rnn_course import counting
from rnn_course.counting import count_on, counts_to, likeliest, what_follows
from rnn_course.data import training_vocab
from rnn_course.gru import GRUCore
from rnn_course.stateful import StatefulLM

VOCAB = training_vocab()


class Perfect(nn.Module):
    "Knows the answer, and makes a mistake after `n` tokens."
    def __init__(self, prompt, n):
        super().__init__()
        right, _ = what_follows(prompt)
        self.answer = VOCAB.encode(right[:n] + ['xxbos'])
        self.weight = nn.Parameter(torch.zeros(1))   # `write` asks where the weights are
        self.reset()

    def reset(self): self.i = None   # the prompt has not been read

    def forward(self, ids):
        T = ids.shape[1]
        start = 1 - T if self.i is None else self.i   # only what follows the prompt's last word matters
        self.i = start + T
        places = torch.arange(start, start + T).clamp(0, len(self.answer) - 1)
        return nn.functional.one_hot(self.answer[places][None], len(VOCAB)).float()


@pytest.mark.parametrize('prompt, n, last', [
    ('xxbos one , two ,', 7, 5),   # "three , four , five , six": no comma after six
    ('xxbos one , two ,', 8, 6),
    ('seven thousand nine hundred ninety nine ,', 3, 8000),
    ('nine thousand nine hundred ninety eight ,', 6, 9999),   # no comma follows the last number
    ('nine hundred , nine hundred', 2, 901),
])
def test_counts_up_to_the_first_mistake(prompt, n, last):
    assert counts_to(Perfect(prompt, n), prompt) == (n, last)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return StatefulLM(GRUCore(8, 8), 31, 8)


def test_writing_repeats_and_takes_words_or_tokens(model):
    prompt = 'six thousand one hundred ,'
    greedy = count_on(model, prompt, 12)
    assert count_on(model, prompt.split(), 12) == greedy
    assert count_on(model, prompt, 12, temperature=1., top_k=1) == greedy

    def roll(seed): return count_on(model, prompt, 9, temperature=2., seed=seed)
    assert roll(3) == roll(3)
    first, *_ = likeliest(model, prompt)
    assert first == greedy[0]


def test_explore_draws_what_is_chosen(model, monkeypatch):
    import matplotlib
    matplotlib.use('agg')
    real, shown = counting.look, []

    def look(model, prompt):
        shown.append((model, prompt))
        return real(model, prompt)

    monkeypatch.setattr(counting, 'look', look)
    other = StatefulLM(GRUCore(8, 8), 31, 8)
    box = counting.explore({'one': model, 'other': other})
    field, menu = box.children[0].children
    field.value = 'zero'   # an unknown word is told, not raised
    menu.value = 'other'
    field.value = 'six hundred ,'
    assert shown[0] == (model, 'seven hundred ninety eight ,')
    assert shown[-1] == (other, 'six hundred ,')
