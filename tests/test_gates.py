"""Looking inside a network and holding a gate: what chapter 7 does, checked where it teaches nothing."""
from itertools import product

import numpy as np
import torch
from torch import nn

from rnn_course.lstm import correlations, hold, inside
from rnn_course.stateful import StatefulLM


def small(kind):
    torch.manual_seed(0)
    return StatefulLM(kind(8, 8, 2, batch_first=True), 31, 8), torch.randint(31, (3, 12))


def test_a_held_gate_stands_still():
    per_unit = torch.linspace(0, 1, 8)
    for kind, gates in ((nn.LSTM, ('forget', 'input', 'output')), (nn.GRU, ('update', 'reset'))):
        model, ids = small(kind)
        for layer, gate in product((0, 1), gates):
            held = inside(hold(model, layer, gate, per_unit), ids)[layer][gate]
            torch.testing.assert_close(held, per_unit.expand_as(held), atol=1e-6, rtol=0)


def test_the_layer_below_is_left_alone():
    model, ids = small(nn.LSTM)
    held, untouched = inside(hold(model, 1, 'forget', .25), ids), inside(model, ids)
    for name, values in untouched[0].items():
        torch.testing.assert_close(held[0][name], values)


def test_inside_is_what_the_network_computes():
    for kind in (nn.LSTM, nn.GRU):
        model, ids = small(kind)
        torch.testing.assert_close(inside(model, ids)[-1]['state'], model.hidden(ids))


def test_correlations_are_numpys():
    states = np.random.default_rng(0).normal(size=(50, 3))
    total = states[:, 0] + states[:, 1]
    by_numpy = [np.corrcoef(total, states[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(correlations(states, total), by_numpy)
    assert correlations(states, np.ones(50)).tolist() == [0., 0., 0.]
