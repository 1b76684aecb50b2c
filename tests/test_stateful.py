"""The frame and its state: what chapter 2 shows once, for every kind of core."""
import pytest
import torch
from torch import nn

from rnn_course.deep import StackedCore
from rnn_course.gru import GRUCore
from rnn_course.lstm import LSTMCore
from rnn_course.stateful import AdditiveCore, ElmanCore, StatefulLM, evaluating

torch.set_num_threads(1)
CORES = {
    'AdditiveCore': lambda: AdditiveCore(8),
    'ElmanCore': lambda: ElmanCore(8, 8),
    'GRUCore': lambda: GRUCore(8, 8),
    'LSTMCore': lambda: LSTMCore(8, 8),
    'a stack': lambda: StackedCore([GRUCore(8, 8), ElmanCore(8, 8)]),
    'nn.RNN': lambda: nn.RNN(8, 8, batch_first=True),
    'nn.LSTM': lambda: nn.LSTM(8, 8, 2, batch_first=True),
}


@pytest.fixture(params=CORES)
def model(request):
    torch.manual_seed(0)
    return StatefulLM(CORES[request.param](), 31).eval()


@pytest.fixture
def ids():
    return torch.randint(31, (4, 12), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('batchnorm', [True, False])
@pytest.mark.parametrize('activation', ['tanh', 'relu'])
def test_the_articles_cell_is_the_loop_of_the_chapter(activation, batchnorm):
    torch.manual_seed(0)
    core, x = AdditiveCore(8, activation, batchnorm), torch.randn(4, 12, 8)
    act = getattr(torch, activation)
    h, after = torch.zeros(4, 8), []
    for token in x.unbind(1):
        h = act(core.hidden(h + act(token)))
        if batchnorm: h = core.norm(h)
        after.append(h)
    out, state = core(x)
    torch.testing.assert_close(out, torch.stack(after, 1))
    torch.testing.assert_close(state[0], h)


def test_short_windows_say_what_a_long_one_says(model, ids):
    whole = model(ids)
    model.reset()
    pieces = [model(piece) for piece in ids.split([1, 4, 7], 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole)


def test_the_state_is_kept_until_it_is_reset(model, ids):
    first, second = model(ids), model(ids)
    assert not torch.equal(first, second)
    model.reset()
    assert model.state is None
    assert torch.equal(model(ids), first)


def test_the_walk_back_ends_at_the_window(model, ids):
    for _ in range(3): model(ids).sum().backward()   # a graph that is kept would be walked twice
    assert not any(part.requires_grad for part in model.state)


def test_a_batch_of_another_size_asks_for_a_reset(model, ids):
    model(ids)
    with pytest.raises(ValueError, match='reset'): model(ids[:2])
    model.reset()
    assert model(ids[:2]).shape == (2, 12, 31)


@pytest.mark.parametrize('training', [True, False])
def test_evaluating_leaves_a_model_in_its_mode_and_without_a_state(model, ids, training):
    model.train(training)
    with evaluating(model):
        model(ids)
        assert not model.training
    assert model.training == training and model.state is None


def test_a_kept_graph_does_not_outlive_a_step_of_the_optimiser():
    "What `retain_graph=True` in place of `detach` comes to."
    torch.manual_seed(0)
    core, x = ElmanCore(8, 8), torch.randn(4, 5, 8)
    optimiser = torch.optim.SGD(core.parameters(), lr=.01)
    out, state = core(x)
    out.sum().backward(retain_graph=True)
    optimiser.step()
    out, _ = core(x, state)
    with pytest.raises(RuntimeError, match='inplace'): out.sum().backward()
