"""A clear error that names the argument, the value and what was expected, and nothing half done."""
import pytest
import torch
from torch import nn

from rnn_course import recipes
from rnn_course.adapt import NeuralCache, dynamic_evaluation, learn_from
from rnn_course.ceiling import context_ceiling, ngram_accuracy, oracle_accuracy
from rnn_course.counting import count_on, counts_to
from rnn_course.data import Vocab, get_dls, human_numbers, spell, tokenize
from rnn_course.deep import StackedCore
from rnn_course.gru import GRUCore
from rnn_course.gradients import copy_task, gradient_reach, spectral_radius, train_steps
from rnn_course.lstm import LSTMCore, correlations, hold, inside
from rnn_course.regularise import Penalise, RegularisedLM, Setting, SmoothLabels
from rnn_course.single_output import SingleOutputLM
from rnn_course.stateful import AdditiveCore, ElmanCore, StatefulLM
from rnn_course.training import evaluate, fit

vocab = Vocab(tokenize(human_numbers('train')))
batch_first = dict(batch_first=True)


def refused(call, *parts, error=(ValueError, TypeError)):
    "The call fails with a message that has all of `parts` in it."
    with pytest.raises(error) as caught: call()
    for part in parts: assert part in str(caught.value), f'{part!r} not in {caught.value}'


@pytest.mark.parametrize('n', [0, 10000, -1, 2.5, '7', None, True, float('nan')])
def test_numbers(n): refused(lambda: spell(n), f'n={n!r}', 'from 1 to 9999')


@pytest.mark.parametrize('split', ['test', 'Train', '', None])
def test_split(split): refused(lambda: human_numbers(split), f'split={split!r}', "'train' or 'valid'")


def test_tokens():
    refused(lambda: vocab.encode(['one', ',', 'zero', 'two']), "tokens[2]='zero'", '31 tokens')
    refused(lambda: vocab.encode('one'), "tokens='one'", 'list')
    refused(lambda: vocab.decode([0, 31]), 'ids[1]=31', 'from 0 to 30')
    refused(lambda: vocab.decode([-1]), 'ids[0]=-1')
    refused(lambda: tokenize('one'), "lines='one'")


@pytest.mark.parametrize('size', [0, -3, 2.5, '64', None, 10**6])
@pytest.mark.parametrize('name', ['bs', 'seq_len'])
def test_loader_sizes(name, size): refused(lambda: get_dls(**{name: size}), f'{name}={size!r}', 'whole number')


def models():
    return [SingleOutputLM(31, 8, 8), StatefulLM(ElmanCore(8, 8), 31, 8), StatefulLM(nn.GRU(8, 8, 2, **batch_first), 31, 8)]


@pytest.mark.parametrize('ids, parts', [
    (torch.rand(4, 5), ['ids', 'float32', 'int64']), ([[1, 2]], ['ids', 'list']), (None, ['ids', 'NoneType']), (torch.ones(4, 5, dtype=torch.bool), ['ids', 'bool']),
    (torch.zeros(5, dtype=torch.long), ['ids', '(5,)', '(batch, tokens)']), (torch.zeros(4, 0, dtype=torch.long), ['ids', '(4, 0)']),
    (torch.full((4, 5), 31), ['ids', '31', '0 to 30']), (torch.full((4, 5), -1), ['ids', '-1', '0 to 30'])],
    ids='float list None bool one_dimension no_tokens too_large negative'.split())
def test_ids(ids, parts):
    good = torch.randint(31, (4, 5))
    for model in models():
        model.eval()(good)
        before = getattr(model, 'state', None)
        refused(lambda: model(ids), *parts)
        assert getattr(model, 'state', None) is before   # nothing half done


@pytest.mark.parametrize('core, parts', [
    (nn.RNN(8, 8), ['core', 'batch_first=False', 'batch_first=True']), (nn.GRU(8, 8, bidirectional=True, **batch_first), ['core', 'bidirectional=True']),
    (nn.Linear(8, 8), ['core', 'Linear', 'input_size']), ('gru', ['core', 'str'])], ids=lambda v: type(v).__name__)
def test_cores(core, parts):
    refused(lambda: StatefulLM(core, 31), *parts)
    refused(lambda: StackedCore([core]), *parts)


def test_batch_size_changes_without_reset():
    for model in models()[1:]:
        model(torch.randint(31, (4, 5)))
        state = model.state
        refused(lambda: model(torch.randint(31, (3, 5))), 'ids', '3', '4', 'reset()')
        assert model.state is state
        model.reset()
        assert model(torch.randint(31, (3, 5))).shape == (3, 5, 31)


@pytest.mark.parametrize('size', [0, -1, 1.5, '8', None])
def test_sizes(size):
    for make, name in ((lambda: AdditiveCore(size), 'n_in'), (lambda: ElmanCore(8, size), 'n_hidden'), (lambda: GRUCore(size, 8), 'n_in'), (lambda: GRUCore(8, size), 'n_hidden'),
                       (lambda: SingleOutputLM(31, n_hidden=size), 'n_hidden'), (lambda: SingleOutputLM(31, n_emb=size), 'n_emb'), (lambda: SingleOutputLM(size), 'vocab_size'),
                       (lambda: StatefulLM(ElmanCore(8, 8), size), 'vocab_size'), (lambda: StatefulLM(ElmanCore(8, 8), 31, n_emb=size), 'n_emb')):
        refused(make, f'{name}={size!r}', 'whole number, 1 or more')


@pytest.mark.parametrize('name', ['gelu', '', None, torch.tanh])
def test_activation(name):
    for core in (lambda: AdditiveCore(8, activation=name), lambda: ElmanCore(8, 8, activation=name)): refused(core, 'activation=', "'tanh', 'relu'")


@pytest.mark.parametrize('core', [ElmanCore(5, 7), AdditiveCore(5), GRUCore(5, 7), StackedCore([GRUCore(5, 7), GRUCore(7, 7)])], ids=lambda c: type(c).__name__)
def test_core_inputs(core):
    refused(lambda: core(torch.rand(3, 5)), 'x', '(3, 5)', '(batch, tokens, 5)')
    refused(lambda: core(torch.rand(2, 3, 6)), 'x', '(2, 3, 6)')
    refused(lambda: core(torch.ones(2, 3, 5, dtype=torch.long)), 'x', 'int64')
    refused(lambda: core(torch.rand(2, 3, 5), torch.zeros(1, 9, 7)), 'state', '(1, 9, 7)')
    refused(lambda: core(torch.rand(2, 3, 5), 'state'), 'state', 'str')


def test_from_torch():
    refused(lambda: ElmanCore.from_torch(nn.GRU(5, 7, **batch_first)), 'module', 'GRU', 'torch.nn.RNN')
    refused(lambda: GRUCore.from_torch(nn.RNN(5, 7, **batch_first)), 'module', 'RNN', 'torch.nn.GRU')
    for core, module in ((ElmanCore, nn.RNN), (GRUCore, nn.GRU)):
        refused(lambda: core.from_torch(module(5, 7)), 'batch_first=False')
        refused(lambda: core.from_torch(module(5, 7, bidirectional=True, **batch_first)), 'bidirectional=True')
        refused(lambda: core.from_torch(module(5, 7, 2, **batch_first)), 'layer=None', '2 layers')
        refused(lambda: core.from_torch(module(5, 7, 2, **batch_first), layer=2), 'layer=2', 'from 0 to 1')


def test_stacks():
    refused(lambda: StackedCore([]), 'cores=[]')
    refused(lambda: StackedCore([ElmanCore(5, 7), ElmanCore(6, 7)]), 'cores[1]', 'input_size=6', '7')
    refused(lambda: StackedCore([ElmanCore(5, 7), ElmanCore(7, 8)]), 'cores[1]', 'hidden_size=8', '7')
    for dropout in (-.1, 1.5, 'half', float('nan')): refused(lambda: StackedCore([ElmanCore(5, 7)], dropout), 'dropout=', 'from 0 to 1')


def test_training():
    dls, model = get_dls(), StatefulLM(ElmanCore(8, 8), 31, 8)
    before = [p.clone() for p in model.parameters()]
    for epochs in (0, -1, 1.5, None): refused(lambda: fit(model, dls, epochs, 1e-3), f'epochs={epochs!r}')
    for lr in (0, -1e-3, float('inf'), float('nan'), '1e-3', None): refused(lambda: fit(model, dls, 1, lr), f'lr={lr!r}', 'above 0')
    refused(lambda: fit('model', dls, 1, 1e-3), 'model', 'str', 'Module')
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    refused(lambda: evaluate('model', dls.valid), 'model', 'str', 'Module')
    refused(lambda: evaluate(model, []), 'dl', 'no batches')


def test_recipes(tmp_path):
    for call in (recipes.recipe, recipes.train, lambda name: recipes.run_seeds(name, [0], tmp_path/'made')): refused(lambda: call('gruu'), "name='gruu'", "'gru'")
    refused(lambda: recipes.train('gru', seed=-1), 'seed=-1')
    refused(lambda: recipes.train('gru', epochs=0), 'epochs=0')
    refused(lambda: recipes.run_seeds('gru', [0, -1], tmp_path/'made'), 'seeds=-1')
    refused(lambda: recipes.run_seeds('gru', [0], tmp_path/'made', n_jobs=-1), 'n_jobs=-1')
    refused(lambda: recipes.summary(folder=tmp_path/'made'), 'folder=', error=FileNotFoundError)
    assert not (tmp_path/'made').exists()


def test_ceilings():
    for bad in (0, -1, 2.5, '4', None): refused(lambda: ngram_accuracy(bad), f'n={bad!r}', 'whole number')
    for bad in (-1, 2.5, '4', None): refused(lambda: context_ceiling(bad), f'n={bad!r}', 'whole number')
    for bad in (0, -64, 10**6, '64', None): refused(lambda: oracle_accuracy(bad), f'bs={bad!r}', 'whole number')


def small_model(): return StatefulLM(GRUCore(8, 8), 31, 8)


def test_counting():
    model = small_model()
    for bad in (0, -5, 10**7, 2.5, '40', None): refused(lambda: count_on(model, 'one ,', bad), f'n={bad!r}', '1 to 1000000')
    for bad in (0, -1., float('nan'), float('inf'), 'hot'): refused(lambda: count_on(model, 'one ,', temperature=bad), f'temperature={bad!r}', 'above 0')
    for bad in (0, -1, 1.5): refused(lambda: count_on(model, 'one ,', temperature=1., top_k=bad), f'top_k={bad!r}')
    refused(lambda: count_on(model, 'one ,', top_k=3), 'top_k=3', 'temperature')
    for call in (count_on, counts_to, learn_from):
        refused(lambda: call(model, 'one , zero ,'), "tokens[2]='zero'")
        for empty in ('', '  ', []): refused(lambda: call(model, empty), f'prompt={empty!r}', 'at least one token')
        refused(lambda: call(nn.Linear(8, 8), 'one ,'), 'model', 'Linear', 'reset()')
        refused(lambda: call('gru', 'one ,'), 'model', 'str')
    for prompt in ('one', 'hundred ,', 'two , four'): refused(lambda: counts_to(model, prompt), f'prompt={prompt!r}')
    for bad in (0, -1, 1.5): refused(lambda: counts_to(model, 'one ,', limit=bad), f'limit={bad!r}')
    assert model.state is None


def test_adapting():
    model, dl = small_model(), [(torch.randint(31, (4, 5)), torch.randint(31, (4, 5)))]
    before = [p.clone() for p in model.parameters()]
    for bad in (0, -1, 2.5, None): refused(lambda: NeuralCache(model, size=bad), f'size={bad!r}')
    for bad in (-.1, 1.1, float('nan'), 'half'): refused(lambda: NeuralCache(model, lam=bad), f'lam={bad!r}', 'from 0 to 1')
    for bad in (-1, float('inf'), None): refused(lambda: NeuralCache(model, theta=bad), f'theta={bad!r}', '0 or more')
    refused(lambda: NeuralCache(nn.GRU(8, 8)), 'model', 'GRU', 'StatefulLM')
    for name in ('lr', 'clip'):
        for bad in (0, -.1, float('nan'), '1'): refused(lambda: dynamic_evaluation(model, dl, **{name: bad}), f'{name}={bad!r}', 'above 0')
    for bad in (0, -1, 1.5): refused(lambda: dynamic_evaluation(model, dl, back=bad), f'back={bad!r}')
    refused(lambda: dynamic_evaluation(model, []), 'dl', 'no batches')
    refused(lambda: dynamic_evaluation(SingleOutputLM(31, 8, 8), dl), 'model', 'SingleOutputLM', 'reset()')
    refused(lambda: dynamic_evaluation(model, dl, lr=1e38, clip=1e38), 'lr=1e+38', 'smaller', error=FloatingPointError)
    refused(lambda: learn_from(model, 'one'), "prompt='one'", 'two tokens')
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters())) and model.state is None


def test_lstm():
    core, x = LSTMCore(4, 3), torch.zeros(2, 5, 4)
    good = torch.zeros(1, 2, 3)
    for state, parts in ((good, ['state', 'Tensor', 'pair']), ((good,), ['state', '1 of them', 'pair']), ((good, good[:, :1]), ['(1, 1, 3)', '(1, 2, 3)'])): refused(lambda: core(x, state), *parts)
    refused(lambda: core(torch.zeros(2, 5, 3)), '(2, 5, 3)', '4')
    refused(lambda: LSTMCore(0, 3), 'n_in=0'); refused(lambda: LSTMCore(3, 2.5), 'n_hidden=2.5')
    for module, parts in ((nn.GRU(4, 3, **batch_first), ['GRU', 'torch.nn.LSTM']), (nn.LSTM(4, 3), ['batch_first=False']), (nn.LSTM(4, 3, proj_size=2, **batch_first), ['proj_size=2']),
                          (nn.LSTM(4, 3, 2, **batch_first), ['layer=None', '2 layers'])): refused(lambda: LSTMCore.from_torch(module), *parts)


def test_looking_inside():
    lstm, rnn = (StatefulLM(core(8, 8, 2, **batch_first), 31, 8) for core in (nn.LSTM, nn.RNN))
    ids = torch.zeros(1, 3, dtype=torch.long)
    refused(lambda: inside(rnn, ids), 'RNN', 'torch.nn.LSTM'); refused(lambda: inside(lstm, ids + 31), 'ids', '31')
    refused(lambda: hold(rnn, 0, 'forget', 1), 'RNN')
    refused(lambda: hold(lstm, 0, 'reset', 1), "gate='reset'", "'forget'"); refused(lambda: hold(lstm, 0, None, 1), 'gate=None')
    refused(lambda: hold(lstm, 2, 'forget', 1), 'layer=2', 'from 0 to 1'); refused(lambda: hold(lstm, 0, 'forget', -.1), 'value=', 'from 0 to 1')
    refused(lambda: hold(lstm, 0, 'forget', float('nan')), 'value=nan'); refused(lambda: hold(lstm, 0, 'forget', torch.ones(3)), 'value', '(3,)', '8')
    refused(lambda: correlations(torch.zeros(4, 3), torch.zeros(5)), 'values', '(5,)')


def test_gradients():
    model, ids = StatefulLM(nn.RNN(8, 8, **batch_first), 31, 8), torch.randint(31, (2, 12))
    for back in (-1, 11, 2.5): refused(lambda: gradient_reach(model, ids, back=back), f'back={back}', 'from 0 to 10')
    refused(lambda: gradient_reach(nn.RNN(8, 8), ids), 'model', 'RNN'); refused(lambda: gradient_reach(model, ids + 31, back=3), 'ids', '0 to 30')
    for W in (torch.ones(2, 3), torch.ones(2), torch.ones(0, 0)): refused(lambda: spectral_radius(W), 'W', str(tuple(W.shape)), 'square')
    for delay in (-1, 2.5, None): refused(lambda: copy_task(delay), f'delay={delay}')
    for lr in (0, -1., float('nan')): refused(lambda: train_steps(model, [], lr), 'lr=')


def test_regularisation():
    gru = nn.GRU(8, 8, **batch_first)
    refused(lambda: RegularisedLM(gru, 31, 4, tie=True), 'n_emb=4', '8')
    for share in (-.1, 1.1, float('nan'), 'half'): refused(lambda: RegularisedLM(gru, 31, 8, dropout=share), f'dropout={share!r}', 'from 0 to 1')
    for scale in (0, -1., float('inf')): refused(lambda: RegularisedLM(gru, 31, 8, emb_scale=scale), f'emb_scale={scale!r}', 'above 0')
    for amount in (-.1, 1.5, None): refused(lambda: SmoothLabels(amount), f'amount={amount!r}', 'from 0 to 1')
    refused(lambda: Penalise(ar=-1.), 'ar=-1.0'); refused(lambda: Penalise(tar=float('nan')), 'tar=nan')
    refused(lambda: Setting('elman').train(), "cell='elman'", "'lstm'"); refused(lambda: Setting().train(text='valid'), "text='valid'", "'shortened'")
    refused(lambda: Setting().train(seed=-1), 'seed=-1'); refused(lambda: Setting(epochs=0).train(), 'epochs=0'); refused(lambda: Setting(lr=0).train(), 'lr=0')
    refused(lambda: Setting(width=0).train(), 'width=0'); refused(lambda: Setting(layers=1.5).train(), 'layers=1.5')
