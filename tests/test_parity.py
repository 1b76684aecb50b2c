"""The hand-written cores against PyTorch's, over random shapes: outputs, last states and all gradients."""
import os

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from rnn_course.deep import StackedCore
from rnn_course.gru import GRUCore
from rnn_course.lstm import LSTMCore
from rnn_course.nn_rnn import largest_differences
from rnn_course.stateful import ElmanCore

torch.set_num_threads(1)
FEW = 8 if 'RNN_COURSE_QUICK' in os.environ else None
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
SHAPES = dict(
    batch=st.integers(1, 8),
    tokens=st.integers(1, 30),
    n_in=st.integers(1, 40),
    n_hidden=st.integers(1, 70),
    layers=st.integers(1, 3),
    seed=st.integers(0, 2**31),
    with_state=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
)
KINDS = {   # PyTorch's, ours, and what PyTorch's is told
    'tanh': (nn.RNN, ElmanCore, {'nonlinearity': 'tanh'}),
    'relu': (nn.RNN, ElmanCore, {'nonlinearity': 'relu'}),
    'gru': (nn.GRU, GRUCore, {}),
    'lstm': (nn.LSTM, LSTMCore, {}),
}


def random_state(kind, *shape, dtype):
    "As PyTorch's class takes it: a tensor, or for an LSTM two."
    state = torch.randn(*shape, dtype=dtype)
    return (state, torch.randn(*shape, dtype=dtype)) if kind == 'lstm' else state


def size_of_outputs(kind, module, x, state):
    "tanh and gates keep a state near 1; relu lets it grow, and float32 has seven digits at any size."
    if kind != 'relu': return 1
    return max(1, module(x, state)[0].abs().max().item())


def largest_difference(kind, batch, tokens, n_in, n_hidden, layers, seed, with_state, dtype, stacked=True):
    torch.manual_seed(seed)
    torch_class, core_class, options = KINDS[kind]
    theirs = torch_class(n_in, n_hidden, layers, batch_first=True, **options).to(dtype)
    cores = [core_class.from_torch(theirs, layer=i) for i in range(layers)]
    ours = StackedCore(cores) if stacked else cores[0]
    state = random_state(kind, layers, batch, n_hidden, dtype=dtype) if with_state else None
    x = torch.randn(batch, tokens, n_in, dtype=dtype)
    found = largest_differences(ours, theirs, x, state)
    return max(found.values())/size_of_outputs(kind, theirs, x, state)


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=FEW or 120, deadline=None, derandomize=True)
@given(**SHAPES)
def test_one_layer(kind, dtype, layers, **shape):
    assert largest_difference(kind, layers=1, dtype=dtype, stacked=False, **shape) < TOLERANCE[dtype]


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=FEW or 100, deadline=None, derandomize=True)
@given(**SHAPES)
def test_stacked(kind, dtype, **shape):
    assert largest_difference(kind, dtype=dtype, **shape) < TOLERANCE[dtype]


def test_differences_against_plain_gradients():
    "The measure itself, checked the long way."
    torch.manual_seed(0)
    theirs = nn.GRU(3, 5, batch_first=True).double()
    ours = GRUCore.from_torch(theirs)
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    for core in (ours, theirs): core(x)[0].sum().backward()
    torch.testing.assert_close(ours.input.weight.grad, theirs.weight_ih_l0.grad)
    torch.testing.assert_close(ours.hidden.bias.grad, theirs.bias_hh_l0.grad)


@pytest.mark.parametrize('name', ['input.weight', 'input.bias', 'hidden.weight', 'hidden.bias'])
def test_differences_notice_a_broken_weight(name):
    torch.manual_seed(0)
    theirs = nn.GRU(3, 5, batch_first=True).double()
    ours = GRUCore.from_torch(theirs)
    with torch.no_grad(): ours.get_parameter(name).view(-1)[0] += 1e-3
    found = largest_differences(ours, theirs, torch.randn(2, 7, 3, dtype=torch.float64))
    assert found['out'] > 1e-8
    assert found['grad x'] > 1e-8
