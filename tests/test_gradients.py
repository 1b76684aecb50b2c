"""Chapter 8's measures against slower ways to the same numbers; clipping, and the copy task."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rnn_course.data import get_dls
from rnn_course.gradients import (
    CoupledLSTMCore, LinearOutLSTMCore, chrono, copy_accuracy, copy_model, copy_task, forget_bias,
    gradient_reach, reach_of_symbol, read_up_to, spectral_radius, state_jacobian, train_steps)
from rnn_course.lstm import LSTMCore
from rnn_course.stateful import AdditiveCore, ElmanCore, StatefulLM, as_given

torch.set_num_threads(1)
KINDS = {'rnn': nn.RNN, 'gru': nn.GRU, 'lstm': nn.LSTM}


@pytest.fixture(scope='module')
def dls(): return get_dls()


def fresh(make, seed=0):
    torch.manual_seed(seed)
    return StatefulLM(make(64, 64, batch_first=True), 31)


# ---- how far the gradient reaches

@torch.no_grad()
def loss_after(model, x, state, target):
    "Loss of the last prediction when `x` is read from `state`."
    top = state[0][-1]
    if x.shape[1]: top = model.core(x, as_given(state))[0][:, -1]
    return F.cross_entropy(model.read_out(top[:, None])[:, 0], target).item()


def by_small_changes(model, ids, k, eps=1e-6):
    "Length of the gradient k tokens back, one stream, by finite differences."
    x, state = read_up_to(model, ids[:, :-1], k)
    slopes = []
    for part in state:
        numbers = part.view(-1)
        for i, number in enumerate(numbers.tolist()):
            numbers[i] = number + eps
            up = loss_after(model, x, state, ids[:, -1])
            numbers[i] = number - eps
            down = loss_after(model, x, state, ids[:, -1])
            numbers[i] = number
            slopes.append((up - down)/(2*eps))
    return torch.tensor(slopes, dtype=torch.double).norm().item()


@pytest.mark.parametrize('make', [
    lambda: nn.RNN(5, 4, batch_first=True), lambda: nn.GRU(5, 4, num_layers=2, batch_first=True),
    lambda: nn.LSTM(5, 4, batch_first=True), lambda: AdditiveCore(4), lambda: ElmanCore(5, 4)])
def test_reach_by_finite_differences(make):
    torch.manual_seed(0)
    ids = torch.randint(9, (1, 12))
    model = StatefulLM(make(), 9, 6).double().eval()
    reach = gradient_reach(model, ids, back=8)
    for k in (0, 1, 4, 8):
        assert abs(reach[k] - by_small_changes(model, ids, k)) < 1e-8


def test_reach_leaves_the_model_as_it_was(dls):
    ids = dls.train.dataset.x[:4, 100:120]
    model = fresh(nn.LSTM).train()
    model(ids[:, :5])
    before = model.state
    reach = gradient_reach(model, ids, back=5)
    assert model.training and model.state is before
    assert all(p.grad is None for p in model.parameters())
    one_by_one = [gradient_reach(model, row[None], back=5) for row in ids]   # streams do not mix
    assert torch.allclose(reach, torch.stack(one_by_one).mean(0), atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_jacobian_by_the_chain_rule(kind, dls):
    model, ids = fresh(KINDS[kind]).eval(), dls.train.dataset.x[:1, 100:130]
    last, last_but_one = state_jacobian(model, ids, 1), state_jacobian(model, ids[:, :-1], 1)
    assert torch.allclose(state_jacobian(model, ids, 2), last @ last_but_one, atol=1e-5)
    assert not model.training


def test_jacobian_carries_the_gradient(dls):
    "The gradient at the last state, sent back through twenty tokens, is as long as `gradient_reach` says."
    model, ids = fresh(nn.RNN).eval(), dls.train.dataset.x[:1, 100:131]
    top = model.hidden(ids[:, :-1])[:, -1].detach().requires_grad_()
    model.reset()
    loss = F.cross_entropy(model.read_out(top[None])[0], ids[:, 30])
    gradient = torch.autograd.grad(loss, top)[0][0]
    sent = (gradient @ state_jacobian(model, ids[:, :-1], 20)[0]).norm().double()
    assert torch.isclose(sent, gradient_reach(model, ids, back=20)[20], rtol=1e-3)


def test_radius():
    assert abs(spectral_radius(torch.tensor([[.3, 9.], [0., -.7]])) - .7) < 1e-6


# ---- a loop that clips

def flat_weights(model): return nn.utils.parameters_to_vector(model.parameters()).detach()


def one_step(dls, clip):
    "How far one step of plain gradient descent moves the weights, and the gradient's length."
    model = fresh(nn.RNN)
    before = flat_weights(model)
    steps = train_steps(model, [dls.one_batch()], .5, clip, torch.optim.SGD)
    return (flat_weights(model) - before).norm().item(), steps.norms[0]


def test_how_far_a_step_goes(dls):
    moved, norm = one_step(dls, clip=None)
    assert abs(moved - .5*norm) < 1e-4
    assert abs(one_step(dls, clip=.01)[0] - .005) < 1e-5
    assert abs(one_step(dls, clip=1e6)[0] - moved) < 1e-6


def losses_of(*batches): return train_steps(fresh(nn.RNN), batches, lr=1e-9).losses


def test_each_batch_from_an_empty_state(dls):
    x, y = dls.one_batch()
    once, twice = losses_of((x, y)), losses_of((x, y), (x, y))
    assert all(abs(a - b) < 1e-4 for a, b in zip(twice, once*2, strict=True))
    last = F.cross_entropy(fresh(nn.RNN)(x)[:, -1], y[:, -1]).item()
    assert abs(losses_of((x, y[:, -1:]))[0] - last) < 1e-5    # only the last target counts


def test_done_when_good_enough():
    batches = (copy_task(5, generator=torch.Generator().manual_seed(i)) for i in range(600))
    losses = train_steps(copy_model('gru', 5), batches, 3e-3, 1., until=.5).losses
    assert 20 <= len(losses) < 600
    assert sum(losses[-20:])/20 < .5 <= sum(losses[-21:-1])/20


# ---- the copy task

def test_questions_and_answers():
    x, y = copy_task(7, bs=4000)
    assert (x.shape, y.shape) == ((4000, 9), (4000, 1))
    assert x[:, 0].tolist() == y[:, 0].tolist()
    assert set(x[:, 1:].flatten().tolist()) == {8, 9}   # blanks and question marks
    assert (x == 9).sum(1).unique().tolist() == [1]     # one question mark each
    assert y[:, 0].bincount(minlength=8).min() > 400


def test_a_symbol_back_is_the_delay_and_one():
    model = copy_model('rnn', 3)
    questions, answers = copy_task(3, 64, generator=torch.Generator().manual_seed(0))
    reach = gradient_reach(model, torch.cat([questions, answers], 1), back=4)
    assert abs(reach_of_symbol(model, 3) - reach[4]/reach[0]) < 1e-6


def test_same_seed_same_network():
    one, same = copy_model('gru', 5, seed=1), copy_model('gru', 5, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters()))


class Perfect(StatefulLM):
    "Remembers the first token by other means; a symbol beyond `known` it takes for the first."
    known = 8

    def forward(self, ids):
        symbol = ids[:, :1]
        symbol = symbol*(symbol < self.known)
        return F.one_hot(symbol.expand_as(ids), 10).float()


def test_accuracy_of_a_perfect_memory():
    perfect = Perfect(nn.RNN(4, 4, batch_first=True), 10, batchnorm=False)
    assert copy_accuracy(perfect, 5) == 1
    perfect.known = 4
    assert .45 < copy_accuracy(perfect, 5) < .55


def gates_at_rest(lstm):
    return torch.sigmoid((lstm.bias_ih_l0 + lstm.bias_hh_l0).detach()).view(4, -1)


def test_first_values_of_gates():
    input_gate, forget_gate, *_ = gates_at_rest(chrono(nn.LSTM(64, 64), 42))
    assert .5 <= forget_gate.min() and forget_gate.max() <= 41/42 and forget_gate.std() > .01
    assert torch.allclose(input_gate, 1 - forget_gate, atol=1e-5)
    assert torch.allclose(gates_at_rest(forget_bias(nn.LSTM(64, 64), 1.))[1], torch.tensor(.7311), atol=1e-4)


# ---- two variants of the LSTM

def step_of(make):
    torch.manual_seed(0)
    core, x = make(6, 5), torch.randn(3, 1, 6)
    h, c = torch.randn(2, 3, 5)
    prepared = core.prepare(x)[:, 0]
    return core.gates(prepared, h), c, core.step(prepared, h, c)


def test_coupled_gates():
    (_, forget_gate, output_gate, candidate), c, (h, after) = step_of(CoupledLSTMCore)
    assert torch.allclose(after, torch.lerp(candidate, c, forget_gate), atol=1e-6)
    assert torch.allclose(h, output_gate*after.tanh(), atol=1e-6)


def test_no_tanh_on_the_way_out():
    (_, _, output_gate, _), _, (h, after) = step_of(LinearOutLSTMCore)
    _, _, (_, usual) = step_of(LSTMCore)
    assert torch.equal(after, usual) and torch.allclose(h, output_gate*after)
