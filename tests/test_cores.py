"What chapters 3 to 5 show once: dropout in a stack, cells beside each other, gates at their ends."
import warnings

import pytest
import torch
from torch import nn

from rnn_course.deep import StackedCore, join_states, split_state
from rnn_course.gru import GRUCore
from rnn_course.lstm import LSTMCore
from rnn_course.nn_rnn import largest_differences
from rnn_course.stateful import AdditiveCore, ElmanCore

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed(): torch.manual_seed(0)


def zeros_of_dropout(stack, x):
    "Share of zeros after each use of the stack's dropout, and the output."
    shares = []
    def count(module, args, out): shares.append((out == 0).float().mean().item())
    hook = stack.dropout.register_forward_hook(count)
    out, _ = stack(x)
    hook.remove()
    return shares, out


# A stack

@pytest.mark.parametrize('n_layers', [1, 2, 3])
def test_dropout_is_between_the_layers_alone(n_layers):
    stack = StackedCore([ElmanCore(64, 64) for _ in range(n_layers)], dropout=.5).train()
    shares, out = zeros_of_dropout(stack, torch.randn(16, 20, 64))
    assert shares == pytest.approx([.5]*(n_layers - 1), abs=.02)
    assert (out == 0).sum() == 0


def test_dropout_does_not_touch_the_states():
    below, above = ElmanCore(8, 8), ElmanCore(8, 8)
    x = torch.randn(4, 10, 8)
    _, state = StackedCore([below, above], dropout=.5).train()(x)
    torch.testing.assert_close(state[:1], below(x)[1])


def test_nothing_is_dropped_in_evaluation():
    theirs = nn.RNN(5, 7, num_layers=3, batch_first=True, dropout=.3).double().eval()
    ours = StackedCore([ElmanCore.from_torch(theirs, layer=i) for i in range(3)], dropout=.3).eval()
    x = torch.randn(3, 11, 5, dtype=torch.float64)
    state = torch.randn(3, 3, 7, dtype=torch.float64)
    for start in (None, state):
        assert max(largest_differences(ours, theirs, x, start).values()) < 1e-10


def test_one_layer_drops_nothing_as_in_pytorch():
    "What chapter 4 says of `nn.RNN`: a warning, and nothing dropped."
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter('always')
        theirs = nn.RNN(8, 8, 1, batch_first=True, dropout=.5).train()
    assert any('dropout' in str(warning.message) for warning in heard)
    ours = StackedCore([ElmanCore.from_torch(theirs)], dropout=.5).train()
    x = torch.randn(4, 10, 8)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


@pytest.mark.parametrize('sizes', [[1], [1, 1], [2, 1], [1, 2, 3]])
def test_joining_undoes_splitting(sizes):
    state = torch.randn(sum(sizes), 3, 5)
    parts = split_state(state, sizes)
    assert [len(part) for part in parts] == sizes
    assert torch.equal(join_states(parts), state)
    pair = state, state + 1
    for back, tensor in zip(join_states(split_state(pair, sizes)), pair): assert torch.equal(back, tensor)


def test_a_stack_of_several_kinds_goes_on_where_it_stopped():
    stack = StackedCore([AdditiveCore(8), nn.GRU(8, 8, 2, batch_first=True), ElmanCore(8, 8)]).eval()
    x = torch.randn(4, 12, 8)
    whole, last = stack(x)
    first, state = stack(x[:, :5])
    second, after = stack(x[:, 5:], state)
    assert last.shape == (4, 4, 8)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(after, last)


# The cells beside each other

def test_the_articles_cell_is_the_textbooks_with_one_matrix():
    additive, elman = AdditiveCore(16, batchnorm=False), ElmanCore(16, 16)
    with torch.no_grad():
        elman.input.weight.copy_(additive.hidden.weight)
        elman.hidden.weight.copy_(additive.hidden.weight)
        elman.input.bias.copy_(additive.hidden.bias)
        elman.hidden.bias.zero_()
    x = torch.randn(4, 20, 16)
    torch.testing.assert_close(elman(torch.tanh(x))[0], additive(x)[0], atol=1e-5, rtol=1e-5)


def test_two_biases_of_the_plain_cell_are_one():
    core = ElmanCore(5, 7)
    x = torch.randn(3, 11, 5)
    before = core(x)[0]
    before.sum().backward()
    torch.testing.assert_close(core.input.bias.grad, core.hidden.bias.grad)
    with torch.no_grad():
        core.input.bias += core.hidden.bias
        core.hidden.bias.zero_()
    torch.testing.assert_close(core(x)[0], before)


def test_two_biases_of_the_candidate_are_not():
    core = GRUCore(5, 7)
    x = torch.randn(3, 11, 5)
    core(x)[0].sum().backward()
    of_input, of_state = core.input.bias.grad.view(3, 7), core.hidden.bias.grad.view(3, 7)
    torch.testing.assert_close(of_input[:2], of_state[:2])
    assert (of_input[2] - of_state[2]).abs().max() > 1e-3


@pytest.mark.parametrize('batchnorm', [False, True])
def test_neighbours_count_with_batchnorm_alone(batchnorm):
    core = ElmanCore(8, 8, batchnorm=batchnorm).train()
    x, others = torch.randn(2, 4, 10, 8)
    others[0] = x[0]
    change = (core(x)[0][0] - core(others)[0][0]).abs().max()
    assert (change > .1) == batchnorm


@pytest.mark.parametrize('make, n_weights', [(ElmanCore, 8_320), (GRUCore, 24_960), (LSTMCore, 33_280)])
def test_weights_of_a_layer_of_64(make, n_weights):
    assert sum(p.numel() for p in make(64, 64).parameters()) == n_weights


# The GRU with its gates at their ends

def held(core, reset=0., update=0.):
    "A large number on the bias of a gate, so that nothing else matters."
    with torch.no_grad():
        biases = core.input.bias.view(3, core.hidden_size)
        biases[0] += reset
        biases[1] += update
    return core


def test_update_gate_at_one_keeps():
    core, start = held(GRUCore(8, 16), update=100), torch.rand(1, 4, 16)*2 - 1
    torch.testing.assert_close(core(torch.randn(4, 20, 8), start)[1], start)


def test_both_gates_at_zero_forget():
    core, x = held(GRUCore(8, 16), reset=-100, update=-100), torch.randn(4, 20, 8)
    start = torch.rand(1, 4, 16)*2 - 1
    torch.testing.assert_close(core(x, start)[1], core(x[:, -1:])[1])


def test_reset_gate_at_one_is_the_plain_cell():
    core, plain = held(GRUCore(8, 16), reset=100, update=-100), ElmanCore(8, 16)
    with torch.no_grad():
        for ours, of_gru in ((plain.input, core.input), (plain.hidden, core.hidden)):
            ours.weight.copy_(of_gru.weight.view(3, 16, -1)[2])
            ours.bias.copy_(of_gru.bias.view(3, 16)[2])
    x, start = torch.randn(4, 20, 8), torch.randn(1, 4, 16)
    torch.testing.assert_close(core(x, start)[0], plain(x, start)[0], atol=1e-5, rtol=1e-5)


def test_the_books_form_is_another_function():
    "The reset gate before the matrix: not what `nn.GRU` computes."
    core, x, h = GRUCore(8, 16), torch.randn(4, 8), torch.randn(4, 16)
    reset, _, candidate = core.gates(core.prepare(x), h)
    weight, bias = core.hidden.weight.view(3, 16, 16)[2], core.hidden.bias.view(3, 16)[2]
    books = torch.tanh(core.prepare(x).chunk(3, -1)[2] + (reset*h) @ weight.T + bias)
    assert (books - candidate).abs().max() > .01
