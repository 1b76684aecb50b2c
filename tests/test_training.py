"""Training as a whole: against the record, resumable, repeatable, without a network."""
import pandas as pd
import pytest
import torch
from conftest import NBS, ROOT, python

from rnn_course import adapt, gradients, recipes, regularise
from rnn_course.gru import GRUCore
from rnn_course.stateful import StatefulLM
from rnn_course.training import evaluate

torch.set_num_threads(1)
LEAST = {'single_output': .40, 'stateful': .73, 'stateful_relu': .60, 'nn_rnn': .67, 'two_layers': .76, 'gru': .838}   # mean of 20 seeds
ALL = [*recipes.RECIPES, *recipes.VARIANTS]


def record(name): return pd.read_csv(NBS/'results'/f'{name}.csv')


@pytest.mark.parametrize('name', ALL)
def test_record_is_complete(name):
    table = record(name)
    assert sorted(table.seed) == list(range(20)) and set(table.epochs) == {recipes.recipe(name).epochs}
    assert table[['accuracy', 'loss', 'seconds', 'torch', 'fastai', 'machine']].notna().all().all()


@pytest.mark.parametrize('name', LEAST)
def test_means_on_record(name): assert record(name).accuracy.mean() >= LEAST[name]


@pytest.mark.parametrize('name', ['single_output', 'nn_rnn', 'gru'])
def test_a_fresh_seed_against_the_record(name):
    "A seed that is not on record must look like those that are."
    fresh, known = recipes.run_seed(name, 20), record(name).accuracy
    assert abs(fresh['accuracy'] - known.mean()) < 4*known.std(), (fresh['accuracy'], known.mean(), known.std())
    assert set(fresh) == set(record(name).columns)


def test_studies_on_record():
    counting, adapted, shots = (record(name) for name in ('counting', 'adapt', 'few_shot'))
    for table in (counting, adapted, shots): assert set(table.seed) == set(range(10)) and table.notna().all().all()
    end = counting[(counting['name'] == 'gru') & (counting.epoch == 30)]
    assert len(end) == 10 and (end.last_number >= 7999).sum() >= 9
    assert adapted.dynamic.mean() >= .97 and shots[shots.k == 20].numbers.median() >= 50


def test_a_fresh_seed_adapts_as_on_record():
    fresh, known = adapt.adapt_seed(10), record('adapt')
    for way in ('cache', 'dynamic', 'both'): assert abs(fresh[way] - known[way].mean()) < max(4*known[way].std(), .01), (way, fresh[way])


def test_generalise_on_record():
    table = record('generalise')
    assert table.notna().all().all() and set(table.setting) == set(regularise.SETTINGS)
    runs = table.groupby(['setting', 'text']).seed.apply(sorted).unstack()
    assert (runs.shortened.map(len) == 3).all() and (runs.training.map(len) == 5).all()
    together = table[table.setting.str.startswith('together')].groupby(['text', 'setting']).accuracy.mean()
    assert together['training'][together['shortened'].idxmax()] >= .95   # chosen on the 7,000s, reported on validation


@pytest.mark.parametrize('setting', ['gru: label smoothing 0.1', 'rnn: AR'])
def test_a_fresh_seed_generalises_as_on_record(setting):
    fresh, known = regularise.generalise_seed(setting, 'training', 5), record('generalise')
    known = known[(known.setting == setting) & (known.text == 'training')].accuracy
    assert abs(fresh['accuracy'] - known.mean()) < max(4*known.std(), .02), fresh


def test_a_fresh_seed_copies_as_on_record():
    known = record('copy')
    assert set(known.cell) == set(gradients.COPY_CELLS) and (known.groupby(['cell', 'delay']).size() == 5).all()
    fresh = gradients.copy_seed('gru', 5, 5)
    assert fresh['accuracy'] > .99 and set(fresh) == set(known.columns)


def test_run_seeds_goes_on(tmp_path, monkeypatch):
    ran, run_seed = [], recipes.run_seed
    monkeypatch.setattr(recipes, 'run_seed', lambda name, seed, epochs: ran.append(seed) or run_seed(name, seed, epochs))
    first = recipes.run_seeds('single_output', [0, 1], tmp_path, epochs=1, n_jobs=1)
    both = recipes.run_seeds('single_output', [2, 1, 0], tmp_path, epochs=1, n_jobs=1)
    assert ran == [0, 1, 2] and list(both.seed) == [2, 1, 0]
    assert both.set_index('seed').accuracy[first.seed].tolist() == first.accuracy.tolist()
    recipes.run_seeds('single_output', [0], tmp_path, epochs=2, n_jobs=1)   # other epochs are other runs
    assert len(pd.read_csv(tmp_path/'single_output.csv')) == 4 and [p.name for p in tmp_path.iterdir()] == ['single_output.csv']


def test_no_network_is_needed(tmp_path):
    said = python('''
import socket
def refuse(*args, **kwargs): raise OSError('the network was used')
socket.socket.connect = socket.getaddrinfo = refuse
from rnn_course.recipes import train
from rnn_course.training import evaluate
learn = train('gru', epochs=1, quiet=True)
print(evaluate(learn.model, learn.dls.valid))''', cwd=tmp_path).stdout
    assert said.startswith('Scores(')


def test_a_seed_repeats_exactly():
    a, b, c = (recipes.train('two_layers', seed, epochs=1, quiet=True).model.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(a[k], b[k]) for k in a) and not torch.equal(a['output.weight'], c['output.weight'])


def test_evaluations_do_not_touch_each_other():
    learn = recipes.train('gru', epochs=1, quiet=True)
    model, valid = learn.model.train(), learn.dls.valid
    first = evaluate(model, valid)
    for x, y in learn.dls.train: model.eval()(x)   # leaves a state behind
    model.train()
    assert evaluate(model, valid) == first and model.training and model.state is None


@pytest.mark.parametrize('core', [lambda: torch.nn.LSTM(6, 6, batch_first=True), lambda: GRUCore(6, 6)], ids=['LSTM', 'GRUCore'])
def test_the_state_follows_the_weights(core):
    model, ids = StatefulLM(core(), 31, 6).eval(), torch.randint(31, (2, 5))
    model(ids)
    assert model.double()(ids).dtype == torch.float64   # the state of the call before moved along
