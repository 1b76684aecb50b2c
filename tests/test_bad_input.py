"""A clear error that names the argument, the value and what was expected, and nothing half done."""
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from rnn_course import recipes
from rnn_course.attention import AttentionCore, LookBackCore
from rnn_course.adapt import Adapting, NeuralCache, dynamic_evaluation, learn_from
from rnn_course.bench import bench_study, run_bench, side_by_side
from rnn_course.ceiling import context_ceiling, ngram_accuracy, oracle_accuracy
from rnn_course.counting import count_on, counts_to
from rnn_course.data import Streams, Vocab, get_dls, human_numbers, spell, tokenize
from rnn_course.deep import StackedCore
from rnn_course.drawing import draw_rnn, show_tokens
from rnn_course.frames import ForgetfulLM, RegularisedLM
from rnn_course.gradients import chrono, copy_model, copy_task, decay_per_step, forget_bias, gradient_reach
from rnn_course.gradients import spectral_radius, state_jacobian, train_steps
from rnn_course.gru import GRUCore
from rnn_course.linear import LRUCore, MinGRUCore, MinLSTMCore, ResidualBlock, scan
from rnn_course.lstm import LSTMCore, correlations, hold, inside
from rnn_course.pocket import PocketGRU
from rnn_course.records import compare
from rnn_course.regularise import Penalise, Setting, SmoothLabels
from rnn_course.saving import load, save
from rnn_course.single_output import SingleOutputLM
from rnn_course.stateful import AdditiveCore, ElmanCore, StatefulLM
from rnn_course.tracking import DeltaCore, learn_task, share_right
from rnn_course.training import evaluate, fit

batch_first = dict(batch_first=True)
nan, infinity = float('nan'), float('inf')


@contextmanager
def refused(*parts, error=(ValueError, TypeError)):
    "What is done inside fails, with a message that has all of `parts` in it."
    with pytest.raises(error) as caught: yield
    for part in parts: assert part in str(caught.value), f'{part!r} not in {caught.value}'


# ---- the data

@pytest.mark.parametrize('n', [0, 10000, -1, 2.5, '7', None, True, nan])
def test_numbers(n):
    with refused(f'n={n!r}', 'from 1 to 9999'): spell(n)


@pytest.mark.parametrize('split', ['test', 'Train', '', None])
def test_split(split):
    with refused(f'split={split!r}', "'train' or 'valid'"): human_numbers(split)


def test_tokens():
    vocab = Vocab(tokenize(human_numbers('train')))
    with refused("tokens[2]='zero'", '31 tokens'): vocab.encode(['one', ',', 'zero', 'two'])
    with refused("tokens='one'", 'list'): vocab.encode('one')
    with refused('ids[1]=31', 'from 0 to 30'): vocab.decode([0, 31])
    with refused('ids[0]=-1'): vocab.decode([-1])
    with refused("lines='one'"): tokenize('one')


@pytest.mark.parametrize('size', [0, -3, 2.5, '64', None, 10**6])
@pytest.mark.parametrize('name', ['bs', 'seq_len'])
def test_loader_sizes(name, size):
    with refused(f'{name}={size!r}', 'whole number'): get_dls(**{name: size})


def test_streams():
    text = torch.arange(14)
    with refused('bs=14: expected a whole number from 1 to 13'): Streams(text, bs=14)
    with refused('seq_len=5: expected a whole number from 1 to 4'): Streams(text, bs=3, seq_len=5)


def test_numbers_of_the_texts():
    with refused('n=0'): get_dls(train=range(100))
    with refused('thousand'): get_dls(bs=4, train=range(1, 100))   # a token of validation alone


# ---- the models

def models():
    return [
        SingleOutputLM(31, 8, 8),
        StatefulLM(ElmanCore(8, 8), 31, 8),
        StatefulLM(nn.GRU(8, 8, 2, **batch_first), 31, 8),
    ]


BAD_IDS = {
    'float': (torch.rand(4, 5), ['ids', 'float32', 'int64']),
    'list': ([[1, 2]], ['ids', 'list']),
    'None': (None, ['ids', 'NoneType']),
    'bool': (torch.ones(4, 5, dtype=torch.bool), ['ids', 'bool']),
    'one_dimension': (torch.zeros(5, dtype=torch.long), ['ids', '(5,)', '(batch, tokens)']),
    'no_tokens': (torch.zeros(4, 0, dtype=torch.long), ['ids', '(4, 0)']),
    'too_large': (torch.full((4, 5), 31), ['ids', '31', '0 to 30']),
    'negative': (torch.full((4, 5), -1), ['ids', '-1', '0 to 30']),
}


@pytest.mark.parametrize('ids, parts', BAD_IDS.values(), ids=BAD_IDS)
def test_ids(ids, parts):
    good = torch.randint(31, (4, 5))
    for model in models():
        model.eval()(good)
        before = getattr(model, 'state', None)
        with refused(*parts): model(ids)
        assert getattr(model, 'state', None) is before   # nothing half done


BAD_CORES = [
    (nn.RNN(8, 8), ['core', 'batch_first=False', 'batch_first=True']),
    (nn.GRU(8, 8, bidirectional=True, **batch_first), ['core', 'bidirectional=True']),
    (nn.Linear(8, 8), ['core', 'Linear', 'input_size']),
    ('gru', ['core', 'str']),
]


@pytest.mark.parametrize('core, parts', BAD_CORES, ids=lambda value: type(value).__name__)
def test_cores(core, parts):
    with refused(*parts): StatefulLM(core, 31)
    with refused(*parts): StackedCore([core])


def test_batch_size_changes_without_reset():
    for model in models()[1:]:
        model(torch.randint(31, (4, 5)))
        state = model.state
        with refused('ids', '3', '4', 'reset()'): model(torch.randint(31, (3, 5)))
        assert model.state is state
        model.reset()
        assert model(torch.randint(31, (3, 5))).shape == (3, 5, 31)


SIZED = [
    ('n_in', lambda size: AdditiveCore(size)),
    ('n_hidden', lambda size: ElmanCore(8, size)),
    ('n_in', lambda size: GRUCore(size, 8)),
    ('n_hidden', lambda size: GRUCore(8, size)),
    ('n_hidden', lambda size: SingleOutputLM(31, n_hidden=size)),
    ('n_emb', lambda size: SingleOutputLM(31, n_emb=size)),
    ('vocab_size', lambda size: SingleOutputLM(size)),
    ('vocab_size', lambda size: StatefulLM(ElmanCore(8, 8), size)),
    ('n_emb', lambda size: StatefulLM(ElmanCore(8, 8), 31, n_emb=size)),
]


@pytest.mark.parametrize('size', [0, -1, 1.5, '8', None])
@pytest.mark.parametrize('name, make', SIZED)
def test_sizes(name, make, size):
    with refused(f'{name}={size!r}', 'whole number, 1 or more'): make(size)


@pytest.mark.parametrize('name', ['gelu', '', None, torch.tanh])
def test_activation(name):
    with refused('activation=', "'tanh', 'relu'"): AdditiveCore(8, activation=name)
    with refused('activation=', "'tanh', 'relu'"): ElmanCore(8, 8, activation=name)


CORES = [
    ElmanCore(5, 7),
    AdditiveCore(5),
    GRUCore(5, 7),
    StackedCore([GRUCore(5, 7), GRUCore(7, 7)]),
]


@pytest.mark.parametrize('core', CORES, ids=lambda core: type(core).__name__)
def test_core_inputs(core):
    x = torch.rand(2, 3, 5)
    with refused('x', '(3, 5)', '(batch, tokens, 5)'): core(torch.rand(3, 5))
    with refused('x', '(2, 3, 6)'): core(torch.rand(2, 3, 6))
    with refused('x', 'int64'): core(torch.ones(2, 3, 5, dtype=torch.long))
    with refused('state', '(1, 9, 7)'): core(x, torch.zeros(1, 9, 7))
    with refused('state', 'str'): core(x, 'state')


def test_from_torch_another_kind():
    with refused('module', 'GRU', 'torch.nn.RNN'): ElmanCore.from_torch(nn.GRU(5, 7, **batch_first))
    with refused('module', 'RNN', 'torch.nn.GRU'): GRUCore.from_torch(nn.RNN(5, 7, **batch_first))


@pytest.mark.parametrize('core, kind', [(ElmanCore, nn.RNN), (GRUCore, nn.GRU)])
def test_from_torch(core, kind):
    two_layers = kind(5, 7, 2, **batch_first)
    with refused('batch_first=False'): core.from_torch(kind(5, 7))
    with refused('bidirectional=True'): core.from_torch(kind(5, 7, bidirectional=True, **batch_first))
    with refused('layer=None', '2 layers'): core.from_torch(two_layers)
    with refused('layer=2', 'from 0 to 1'): core.from_torch(two_layers, layer=2)


def test_stacks():
    below = ElmanCore(5, 7)
    with refused('cores=[]'): StackedCore([])
    with refused('cores[1]', 'input_size=6', '7'): StackedCore([below, ElmanCore(6, 7)])
    with refused('cores[1]', 'hidden_size=8', '7'): StackedCore([below, ElmanCore(7, 8)])


@pytest.mark.parametrize('dropout', [-.1, 1.5, 'half', nan])
def test_dropout_between_the_cores_of_a_stack(dropout):
    with refused('dropout=', 'from 0 to 1'): StackedCore([ElmanCore(5, 7)], dropout)


# ---- what came after

LATER = [MinGRUCore, MinLSTMCore, LRUCore, DeltaCore, AttentionCore]


@pytest.mark.parametrize('core', LATER)
def test_later_cores(core):
    with refused('n_in=0'): core(0, 8)
    with refused('n_hidden=-8'): core(8, -8)
    made = core(4, 8)
    with refused('x: shape (2, 3, 5)', '(batch, tokens, 4)'): made(torch.zeros(2, 3, 5))
    with refused('x: a str'): made('a text')
    with refused('state: shape (1, 3, 8)'): made(torch.zeros(2, 5, 4), torch.zeros(1, 3, 8))
    with refused('state: a str'): made(torch.zeros(2, 5, 4), 'empty')


def test_what_later_cores_are_told():
    for bad in (-1.1, .5, '0', nan):
        with refused(f'lowest={bad!r}'): MinGRUCore(4, 4, lowest=bad)
    with refused('least=1.2'): LRUCore(4, 4, least=1.2)
    with refused('most=0.5'): LRUCore(4, 4, least=.9, most=.5)
    for core in (AttentionCore, DeltaCore):
        with refused('n_heads=3', 'a divisor of n_hidden=8'): core(8, 8, n_heads=3)
        with refused('n_heads=0'): core(8, 8, n_heads=0)
    with refused('memory=0'): AttentionCore(8, 8, memory=0)
    with refused('most=2.5'): DeltaCore(8, 8, most=2.5)
    with refused('core: input_size=4', '8, its hidden_size'): ResidualBlock(MinGRUCore(4, 8))
    with refused('core: a int', error=TypeError): ResidualBlock(8)
    with refused('n_mlp=0'): ResidualBlock(MinGRUCore(8, 8), n_mlp=0)
    with refused('core: a str', error=TypeError): LookBackCore('gru')
    with refused('state: shape (2, 2, 4)', '(1, 2) at its beginning'):
        StackedCore([AttentionCore(8, 8)])(torch.zeros(2, 5, 8), torch.zeros(2, 2, 4))


def test_a_scan_of_two_shapes():
    a, b = torch.zeros(2, 5, 4), torch.zeros(2, 6, 4)
    with refused('a.shape=(2, 5, 4)', '(2, 6, 4), the shape of b'): scan(a, b)


def test_tasks():
    with refused("task='oddity'", "'parity'"): learn_task('oddity', 'GRU')
    with refused("core='gru'", "'GRU'"): learn_task('parity', 'gru')
    with refused('seed=-1'): learn_task('parity', 'GRU', -1)
    with refused('steps=0'): learn_task('parity', 'GRU', steps=0)
    model = StatefulLM(GRUCore(4, 4), 10, 4, batchnorm=False)
    with refused("task='even'"): share_right(model, 'even', 10)


# ---- training

def test_training():
    dls, model = get_dls(), StatefulLM(ElmanCore(8, 8), 31, 8)
    before = [p.clone() for p in model.parameters()]
    for epochs in (0, -1, 1.5, None):
        with refused(f'epochs={epochs!r}'): fit(model, dls, epochs, 1e-3)
    for lr in (0, -1e-3, infinity, nan, '1e-3', None):
        with refused(f'lr={lr!r}', 'above 0'): fit(model, dls, 1, lr)
    with refused('model', 'str', 'Module'): fit('model', dls, 1, 1e-3)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    with refused('model', 'str', 'Module'): evaluate('model', dls.valid)
    with refused('dl', 'no batches'): evaluate(model, [])


def test_training_too_fast():
    model = StatefulLM(ElmanCore(8, 8), 31, 8)
    with refused('training loss is', 'smaller lr', error=FloatingPointError):
        fit(model, get_dls(), 1, 1e40, quiet=True)


def test_recipes(tmp_path):
    made = tmp_path/'made'
    with refused("name='gruu'", "'gru'"): recipes.recipe('gruu')
    with refused("name='gruu'", "'gru'"): recipes.train('gruu')
    with refused("name='gruu'", "'gru'"): recipes.run_seeds('gruu', [0], made)
    with refused('seed=-1'): recipes.train('gru', seed=-1)
    with refused('epochs=0'): recipes.train('gru', epochs=0)
    with refused('seeds=-1'): recipes.run_seeds('gru', [0, -1], made)
    with refused('seeds=0.5'): recipes.run_seeds('gru', [0, .5], made)
    with refused('expected at least one run'): recipes.run_seeds('gru', [], made)
    with refused('n_jobs=-1'): recipes.run_seeds('gru', [0], made, n_jobs=-1)
    with refused('folder=', error=FileNotFoundError): recipes.summary(folder=made)
    assert not made.exists()


def test_comparisons():
    with refused('1 and 2 runs', 'at least 2'): compare([.5], [.6, .7])


# ---- what the chapters do with a model

@pytest.mark.parametrize('bad', [0, -1, 2.5, '4', None])
def test_ngrams(bad):
    with refused(f'n={bad!r}', 'whole number'): ngram_accuracy(bad)


@pytest.mark.parametrize('bad', [-1, 2.5, '4', None])
def test_context_of_the_ceiling(bad):
    with refused(f'n={bad!r}', 'whole number'): context_ceiling(bad)


@pytest.mark.parametrize('bad', [0, -64, 10**6, '64', None])
def test_streams_of_the_oracle(bad):
    with refused(f'bs={bad!r}', 'whole number'): oracle_accuracy(bad)


@pytest.fixture
def model():
    "A small one, which must be as it was when the test ends."
    small = StatefulLM(GRUCore(8, 8), 31, 8)
    before = [p.clone() for p in small.parameters()]
    yield small
    assert all(torch.equal(a, b) for a, b in zip(before, small.parameters()))
    assert small.state is None


def test_counting(model):
    for bad in (0, -5, 10**7, 2.5, '40', None):
        with refused(f'n={bad!r}', '1 to 1000000'): count_on(model, 'one ,', bad)
    for bad in (0, -1., nan, infinity, 'hot'):
        with refused(f'temperature={bad!r}', 'above 0'): count_on(model, 'one ,', temperature=bad)
    for bad in (0, -1, 1.5):
        with refused(f'top_k={bad!r}'): count_on(model, 'one ,', temperature=1., top_k=bad)
    with refused('top_k=3', 'temperature'): count_on(model, 'one ,', top_k=3)


@pytest.mark.parametrize('call', [count_on, counts_to, learn_from])
def test_prompts(model, call):
    with refused("tokens[2]='zero'"): call(model, 'one , zero ,')
    for empty in ('', '  ', []):
        with refused(f'prompt={empty!r}', 'at least one token'): call(model, empty)
    with refused('model', 'Linear', 'reset()'): call(nn.Linear(8, 8), 'one ,')
    with refused('model', 'str'): call('gru', 'one ,')


def test_how_far_it_counts(model):
    for prompt in ('one', 'hundred ,'):
        with refused(f'prompt={prompt!r}', 'a whole number and a comma'): counts_to(model, prompt)
    with refused("prompt='two , four'", 'does not go on from 2'): counts_to(model, 'two , four')
    for bad in (0, -1, 1.5):
        with refused(f'limit={bad!r}'): counts_to(model, 'one ,', limit=bad)


def test_cache(model):
    for bad in (0, -1, 2.5, None):
        with refused(f'size={bad!r}'): NeuralCache(model, size=bad)
    for bad in (-.1, 1.1, nan, 'half'):
        with refused(f'lam={bad!r}', 'from 0 to 1'): NeuralCache(model, lam=bad)
    for bad in (-1, infinity, None):
        with refused(f'theta={bad!r}', '0 or more'): NeuralCache(model, theta=bad)
    with refused('model', 'GRU', 'StatefulLM'): NeuralCache(nn.GRU(8, 8))


def test_dynamic_evaluation(model):
    dl = [(torch.randint(31, (4, 5)), torch.randint(31, (4, 5)))]
    for bad in (0, -.1, nan, '1'):
        with refused(f'lr={bad!r}', 'above 0'): dynamic_evaluation(model, dl, lr=bad)
        with refused(f'clip={bad!r}', 'above 0'): dynamic_evaluation(model, dl, clip=bad)
    for bad in (0, -1, 1.5):
        with refused(f'back={bad!r}'): dynamic_evaluation(model, dl, back=bad)
    with refused('dl', 'no batches'): dynamic_evaluation(model, [])
    with refused('model', 'SingleOutputLM', 'reset()'): dynamic_evaluation(SingleOutputLM(31, 8, 8), dl)
    steps = dict(lr=1e38, clip=1e38)
    with refused('lr=1e+38', 'smaller', error=FloatingPointError): dynamic_evaluation(model, dl, **steps)


class HasNoState(nn.Module):
    def reset(self): pass


def test_adapting():
    with refused('model: a HasNoState without a state', 'StatefulLM or NeuralCache'): Adapting(HasNoState())


def test_learning_from_a_prompt(model):
    with refused("prompt='one'", 'two tokens'): learn_from(model, 'one')


# ---- the LSTM, and looking inside

def test_lstm():
    core = LSTMCore(4, 3)
    x, good = torch.zeros(2, 5, 4), torch.zeros(1, 2, 3)
    with refused('state', 'Tensor', 'pair'): core(x, good)
    with refused('state', '1 of them', 'pair'): core(x, (good,))
    with refused('(1, 1, 3)', '(1, 2, 3)'): core(x, (good, good[:, :1]))
    with refused('(2, 5, 3)', '4'): core(torch.zeros(2, 5, 3))
    with refused('n_in=0'): LSTMCore(0, 3)
    with refused('n_hidden=2.5'): LSTMCore(3, 2.5)
    with refused('n_hidden=0'): LSTMCore(3, 0)


NO_SOURCES_OF_AN_LSTM = [
    (nn.GRU(4, 3, **batch_first), ['GRU', 'torch.nn.LSTM']),
    (nn.LSTM(4, 3), ['batch_first=False']),
    (nn.LSTM(4, 3, proj_size=2, **batch_first), ['proj_size=2']),
    (nn.LSTM(4, 3, 2, **batch_first), ['layer=None', '2 layers']),
]


@pytest.mark.parametrize('module, parts', NO_SOURCES_OF_AN_LSTM)
def test_lstm_from_torch(module, parts):
    with refused(*parts): LSTMCore.from_torch(module)


def test_looking_inside():
    lstm = StatefulLM(nn.LSTM(8, 8, 2, **batch_first), 31, 8)
    rnn = StatefulLM(nn.RNN(8, 8, 2, **batch_first), 31, 8)
    gru = StatefulLM(nn.GRU(8, 8, 2, **batch_first), 31, 8)
    ids = torch.zeros(1, 3, dtype=torch.long)
    with refused('model: a StatefulLM around a RNN', 'torch.nn.GRU or torch.nn.LSTM'): inside(rnn, ids)
    with refused('model: a GRU', 'a StatefulLM around a torch.nn.GRU or torch.nn.LSTM'): inside(gru.core, ids)
    with refused('ids', '31'): inside(lstm, ids + 31)
    with refused('RNN'): hold(rnn, 0, 'forget', 1)
    with refused("gate='reset'", "'forget'"): hold(lstm, 0, 'reset', 1)
    with refused("gate='forget': expected one of 'reset', 'update'"): hold(gru, 0, 'forget', 1)
    with refused('gate=None'): hold(lstm, 0, None, 1)
    with refused('layer=2', 'from 0 to 1'): hold(lstm, 2, 'forget', 1)
    with refused('value=', 'from 0 to 1'): hold(lstm, 0, 'forget', -.1)
    with refused('value=nan'): hold(lstm, 0, 'forget', nan)
    with refused('value=1.5: expected numbers from 0 to 1'): hold(gru, 0, 'reset', 1.5)
    with refused('value', '(3,)', '8'): hold(lstm, 0, 'forget', torch.ones(3))
    with refused('values', '(5,)'): correlations(torch.zeros(4, 3), torch.zeros(5))


# ---- gradients and regularisation

def small_rnn():
    return StatefulLM(nn.RNN(8, 8, **batch_first), 31, 8)


def test_reach_of_gradients():
    model, ids = small_rnn(), torch.randint(31, (2, 12))
    for back in (-1, 11, 2.5):
        with refused(f'back={back}', 'from 0 to 10'): gradient_reach(model, ids, back=back)
    with refused('model', 'RNN'): gradient_reach(nn.RNN(8, 8), ids)
    with refused('ids', '0 to 30'): gradient_reach(model, ids + 31, back=3)
    with refused('ids: shape (2, 1)', 'at least 2 tokens'): gradient_reach(model, ids[:, :1])
    with refused('start=10: expected a whole number from 0 to 8'): decay_per_step(torch.ones(10))
    with refused('back=12: expected a whole number from 1 to 11'): state_jacobian(model, ids, 12)


def test_spectral_radius():
    for W in (torch.ones(2, 3), torch.ones(2), torch.ones(0, 0)):
        with refused('W', str(tuple(W.shape)), 'square'): spectral_radius(W)
    with refused('W: a list; expected a tensor'): spectral_radius([[1.]])


def test_copy_task():
    for delay in (-1, 2.5, None):
        with refused(f'delay={delay}'): copy_task(delay)
    with refused('n_symbols=1: expected a whole number, 2 or more'): copy_task(5, n_symbols=1)
    with refused("cell='elman': expected one of 'rnn'"): copy_model('elman', 5)
    with refused('delay=0: expected a whole number, 1 or more'): copy_model('rnn', 0)
    with refused('seed=-1: expected a whole number, 0 or more'): copy_model('rnn', 5, -1)


def test_biases_of_the_forget_gate():
    with refused('lstm: a GRU; expected a torch.nn.LSTM'): forget_bias(nn.GRU(3, 3), 1.)
    with refused('lstm: num_layers=2', 'one layer with biases'): forget_bias(nn.LSTM(3, 3, 2), 1.)
    with refused('longest=2: expected a whole number, 3 or more'): chrono(nn.LSTM(3, 3), 2)


@pytest.mark.parametrize('bad', [0, -1., nan])
def test_train_steps(bad):
    with refused(f'lr={bad}', 'above 0'): train_steps(small_rnn(), [], bad)
    with refused(f'clip={bad}', 'above 0'): train_steps(small_rnn(), [], .1, clip=bad)
    with refused(f'until={bad}', 'above 0'): train_steps(small_rnn(), [], .1, until=bad)


def test_regularised_model():
    gru = nn.GRU(8, 8, **batch_first)
    with refused('n_emb=4: expected 8'): RegularisedLM(gru, 31, 4, tie=True)
    for share in (-.1, 1.1, nan, 'half'):
        with refused(f'dropout={share!r}', 'from 0 to 1'): RegularisedLM(gru, 31, 8, dropout=share)
    for scale in (0, -1., infinity):
        with refused(f'emb_scale={scale!r}', 'above 0'): RegularisedLM(gru, 31, 8, emb_scale=scale)


def test_regularised_loss():
    for amount in (-.1, 1.5, None):
        with refused(f'amount={amount!r}', 'from 0 to 1'): SmoothLabels(amount)
    with refused('ar=-1.0'): Penalise(ar=-1.)
    with refused('tar=nan'): Penalise(tar=nan)
    with refused("tar='a lot'"): Penalise(tar='a lot')


def test_settings():
    with refused("cell='elman'", "'lstm'"): Setting('elman').train()
    with refused("text='valid'", "'shortened'"): Setting().train(text='valid')
    with refused('seed=-1'): Setting().train(seed=-1)
    with refused('epochs=0'): Setting(epochs=0).train()
    with refused('lr=0'): Setting(lr=0).train()
    with refused('width=0'): Setting(width=0).train()
    with refused('layers=1.5'): Setting(layers=1.5).train()


# ---- what is measured, kept and drawn

def test_bench(tmp_path):
    path = tmp_path/'bench.csv'
    with refused('repeats=0'): side_by_side({}, repeats=0)
    with refused('calls=0'): side_by_side({}, calls=0)
    with refused("name='GRUcore'", "expected one of 'fit: stateful'"): run_bench('GRUcore')
    with refused("names='x'", 'expected some of'): bench_study(path, ['x'])
    assert not path.exists()


def test_saving(tmp_path):
    path, model = tmp_path/'net.safetensors', small_rnn()
    projected = StatefulLM(nn.LSTM(8, 8, proj_size=4, **batch_first), 31, 8)
    with refused('no such file', error=FileNotFoundError): load(path)
    with refused('a folder', error=IsADirectoryError): load(tmp_path)
    with refused('model: a Linear; expected one of'): save(nn.Linear(2, 2), path)
    with refused('expected a name that ends in .safetensors'): save(model, tmp_path/'net.pt')
    with refused(error=(TypeError, RuntimeError)): save(projected, path)
    assert not path.exists()


def test_pocket_reads_grus_alone(tmp_path):
    path = tmp_path/'net.safetensors'
    save(ForgetfulLM(nn.GRU(8, 8, **batch_first), 31, 8), path)
    with refused('net.safetensors: refused', 'its frame is a ForgetfulLM'): PocketGRU(path)
    save(small_rnn(), path)
    with refused('net.safetensors: refused', 'its core is a RNN'): PocketGRU(path)
    path.write_bytes(path.read_bytes()[:-8])
    with refused('net.safetensors: refused'): PocketGRU(path)
    with refused('no such file', error=FileNotFoundError): PocketGRU('nowhere')


def test_pocket():
    pocket = PocketGRU()
    with refused("token='zero'"): pocket('zero')
    with refused('n=0'): pocket.count_on('one ,', 0)
    with refused("prompt=' ': expected at least one token"): pocket.count_on(' ')


def test_drawing():
    with refused('predicted: 0 tokens; expected 1'): show_tokens(['one'], [])
    with refused('n_layers=0'): draw_rnn(0)
    with refused('n_steps=0'): draw_rnn(1, 0)
