"""Backpropagation through time by hand against autograd, over random shapes: every gradient of both cells."""
import os

import pytest
import torch
from hypothesis import given, settings, strategies as st

from rnn_course.gradients import elman_backward, gru_backward
from rnn_course.gru import GRUCore
from rnn_course.stateful import ElmanCore

torch.set_num_threads(1)
FEW = 8 if 'RNN_COURSE_QUICK' in os.environ else None
KINDS = {'elman': (ElmanCore, elman_backward), 'gru': (GRUCore, gru_backward)}
NAMES = {'x', 'state', 'input.weight', 'input.bias', 'hidden.weight', 'hidden.bias'}
SHAPES = dict(
    batch=st.integers(1, 8),
    tokens=st.integers(1, 30),
    n_in=st.integers(1, 40),
    n_hidden=st.integers(1, 70),
    seed=st.integers(0, 2**31),
    with_state=st.booleans(),
)


def random_numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def by_autograd(core, x, grad_out, state):
    "Name -> gradient; the state before the first token is zeros where none is given."
    if state is None: state = torch.zeros(1, len(x), core.hidden_size, dtype=torch.float64)
    leaves = {'x': x.clone().requires_grad_(), 'state': state.clone().requires_grad_()}
    out, _ = core(leaves['x'], leaves['state'])
    leaves.update(core.named_parameters())
    return dict(zip(leaves, torch.autograd.grad(out, list(leaves.values()), grad_out)))


def differences(kind, batch, tokens, n_in, n_hidden, seed, with_state):
    "The largest difference from autograd for each gradient; shapes have to be the same."
    torch.manual_seed(seed)
    core_class, backward = KINDS[kind]
    core = core_class(n_in, n_hidden).double()
    x, grad_out = random_numbers(batch, tokens, n_in), random_numbers(batch, tokens, n_hidden)
    state = random_numbers(1, batch, n_hidden) if with_state else None
    by_hand, theirs = backward(core, x, grad_out, state), by_autograd(core, x, grad_out, state)
    assert set(by_hand) == set(theirs) == NAMES
    assert all(by_hand[name].shape == theirs[name].shape for name in NAMES)
    return {name: (by_hand[name] - theirs[name]).abs().max().item() for name in NAMES}


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=FEW or 100, deadline=None, derandomize=True)
@given(**SHAPES)
def test_by_hand_as_by_autograd(kind, **shape):
    assert max(differences(kind, **shape).values()) < 1e-10


@pytest.mark.parametrize('kind', KINDS)
def test_no_graph_and_nothing_changed(kind):
    "By hand means without autograd: no graph is left, and neither core nor arguments are touched."
    core_class, backward = KINDS[kind]
    core, x, grad_out = core_class(3, 4), torch.randn(2, 5, 3), torch.randn(2, 5, 4)
    kept = [tensor.detach().clone() for tensor in (x, grad_out, *core.parameters())]
    found = backward(core, x, grad_out)
    assert not any(gradient.requires_grad for gradient in found.values())
    assert all(p.grad is None for p in core.parameters())
    assert all(torch.equal(a, b) for a, b in zip(kept, (x, grad_out, *core.parameters())))


def test_what_they_do_not_take():
    x, grad_out = torch.randn(2, 5, 3), torch.randn(2, 5, 4)
    with pytest.raises(TypeError, match='core: a GRUCore; expected an ElmanCore'):
        elman_backward(GRUCore(3, 4), x, grad_out)
    with pytest.raises(TypeError, match='core: a ElmanCore; expected a GRUCore'):
        gru_backward(ElmanCore(3, 4), x, grad_out)
    with pytest.raises(ValueError, match="core.activation='relu': expected 'tanh'"):
        elman_backward(ElmanCore(3, 4, 'relu'), x, grad_out)
    with pytest.raises(ValueError, match='core.norm=BatchNorm1d'):
        elman_backward(ElmanCore(3, 4, batchnorm=True), x, grad_out)
    for core, backward in ((ElmanCore(3, 4), elman_backward), (GRUCore(3, 4), gru_backward)):
        with pytest.raises(ValueError, match=r'grad_out.shape=\(2, 4\): expected \(2, 5, 4\)'):
            backward(core, x, grad_out[:, -1])
