"""The bench: rows that can be compared, kept one by one, and nothing left changed. No time is asserted."""
import sys

import pandas as pd
import pytest
import torch
from conftest import NBS

from rnn_course import bench
from rnn_course.cli import main
from rnn_course.gru import GRUCore

NAMES = ['ElmanCore', 'GRUCore', 'LSTMCore']


def names_in(path):
    return list(pd.read_csv(path)['name'])


def test_the_record_has_every_ratio():
    record = pd.read_csv(NBS/'results'/'bench.csv')
    assert set(record['name']) == {*bench.BENCHES, *bench.LONG}
    assert record['name'].is_unique
    assert record.notna().all().all()
    assert (0 < record.low).all()
    assert (record.low <= record['median']).all()
    assert (record['median'] <= record.high).all()


@pytest.mark.parametrize('name', [name for name in bench.BENCHES if not name.startswith('fit')])
def test_a_bench_compares_two_and_leaves_no_trace(name, monkeypatch):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, second = bench.BENCHES[name].make()
    assert callable(first)
    assert callable(second)
    monkeypatch.setitem(bench.BENCHES, name, bench.BENCHES[name]._replace(repeats=1, calls=1))
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    row = bench.run_bench(name)
    assert row['name'] == name
    assert 0 < row['low'] <= row['median'] <= row['high']
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_an_interrupted_bench_goes_on(tmp_path, monkeypatch):
    path, begun = tmp_path/'bench.csv', []

    def fake(name):
        begun.append(name)
        if begun == ['ElmanCore', 'GRUCore']: raise KeyboardInterrupt
        return dict(name=name, median=1., low=1., high=1.)

    monkeypatch.setattr(bench, 'run_bench', fake)
    with pytest.raises(KeyboardInterrupt): bench.bench_study(path, NAMES)
    assert names_in(path) == ['ElmanCore']
    assert list(bench.bench_study(path, NAMES)['name']) == NAMES
    assert begun == ['ElmanCore', 'GRUCore', 'GRUCore', 'LSTMCore']
    bench.bench_study(path, ['LSTMCore'], again=True)
    assert begun[-1] == 'LSTMCore'
    assert len(names_in(path)) == 3


def test_an_interrupted_bench_again_loses_nothing(tmp_path, monkeypatch):
    path, begun, ratio = tmp_path/'bench.csv', [], 1.

    def fake(name):
        begun.append(name)
        if ratio == 2 and name == 'GRUCore' and begun.count(name) == 2: raise KeyboardInterrupt
        return dict(name=name, median=ratio, low=1., high=2.)

    monkeypatch.setattr(bench, 'run_bench', fake)
    bench.bench_study(path, NAMES)
    before, ratio = path.read_bytes(), 2.
    with pytest.raises(KeyboardInterrupt): bench.bench_study(path, NAMES[:2], again=True)
    assert path.read_bytes() == before
    assert list(bench.bench_study(path, NAMES[:2], again=True)['median']) == [2, 2]
    assert begun.count('ElmanCore') == 2
    assert list(pd.read_csv(path)['median']) == [2, 2, 1]
    assert [file.name for file in tmp_path.iterdir()] == ['bench.csv']


def test_bare_loop_and_fit_learn_the_same():
    "What is timed is the same work: the same windows, as many steps, an accuracy in the same range."
    r, dls = bench.recipe('nn_rnn'), bench.get_dls()
    bench.set_seed(0)
    bare = bench.bare_loop(r.model(31), dls, 3, r.lr)
    bench.set_seed(0)
    learn = bench.fit(r.model(31), dls, 3, r.lr, quiet=True)
    accuracy = learn.recorder.values[-1][-1]
    assert abs(bare - accuracy) < .2
    assert bare > .3


def test_without_jax_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, 'jax', None)
    core, x = GRUCore(4, 4), torch.randn(2, 3, 4)
    with pytest.raises(OSError, match='pip install jax'): bench.jax_gru(core, x)
    assert main(['bench', '--names', 'JAX', '--path', str(tmp_path/'bench.csv')]) == 2
    assert 'pip install jax' in capsys.readouterr().err
    assert not (tmp_path/'bench.csv').exists()


def test_without_a_compiler_it_says_so():
    import torch._inductor.config as config
    no_compiler = config.patch({'cpp.cxx': (None, 'no-such-compiler')})
    with no_compiler, pytest.raises(OSError, match='no-such-compiler'): bench.compiled_step()


def results_of_two_windows(model, ids):
    "The logits of the second, to which the state is carried, and the gradient of the embedding."
    model(ids[:, :5])
    logits = model(ids[:, 5:])
    logits.sum().backward()
    return logits.detach(), model.embedding.weight.grad


@pytest.mark.parametrize('core, frame', [(bench.LoopAllGRU, bench.StatefulLM), (GRUCore, bench.TableLM)])
def test_the_forms_of_the_loop_agree(core, frame):
    fused, ids, found = torch.nn.GRU(8, 8, batch_first=True), torch.randint(31, (4, 10)), []
    for make, around in ((GRUCore, bench.StatefulLM), (core, frame)):
        bench.set_seed(0)
        model = around(make.from_torch(fused), 31, 8)
        found.append(results_of_two_windows(model, ids))
    for a, b in zip(*found): torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
