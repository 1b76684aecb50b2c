"""The bench: rows that can be compared, kept one by one, and nothing left changed. No time is asserted."""
import sys

import pandas as pd
import pytest
import torch
from conftest import NBS

from rnn_course import bench
from rnn_course.cli import main
from rnn_course.gru import GRUCore


def test_the_record_has_every_ratio():
    record = pd.read_csv(NBS/'results'/'bench.csv')
    assert set(record['name']) == {*bench.BENCHES, *bench.LONG} and record['name'].is_unique and record.notna().all().all()
    assert ((0 < record.low) & (record.low <= record['median']) & (record['median'] <= record.high)).all()


@pytest.mark.parametrize('name', [n for n in bench.BENCHES if not n.startswith('fit')])
def test_a_bench_compares_two_and_leaves_no_trace(name):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, second = bench.BENCHES[name].make()
    assert callable(first) and callable(second)
    quick = bench.BENCHES[name]._replace(repeats=1, calls=1)
    bench.BENCHES[name], kept = quick, bench.BENCHES[name]
    try: torch.set_num_threads(threads); torch.set_rng_state(state); row = bench.run_bench(name)
    finally: bench.BENCHES[name] = kept
    assert row['name'] == name and 0 < row['low'] <= row['median'] <= row['high']
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)


def test_an_interrupted_bench_goes_on(tmp_path, monkeypatch):
    path, made = tmp_path/'bench.csv', []
    def fake(name):
        if name == 'GRUCore' and 'GRUCore' not in made: made.append(name); raise KeyboardInterrupt
        made.append(name)
        return dict(name=name, median=1., low=1., high=1.)
    monkeypatch.setattr(bench, 'run_bench', fake)
    names = ['ElmanCore', 'GRUCore', 'LSTMCore']
    with pytest.raises(KeyboardInterrupt): bench.bench_study(path, names)
    assert list(pd.read_csv(path)['name']) == ['ElmanCore']
    assert list(bench.bench_study(path, names)['name']) == names and made == ['ElmanCore', 'GRUCore', 'GRUCore', 'LSTMCore']
    bench.bench_study(path, ['LSTMCore'], again=True)
    assert made[-1] == 'LSTMCore' and len(pd.read_csv(path)) == 3


def test_an_interrupted_bench_again_loses_nothing(tmp_path, monkeypatch):
    path, made, ratio = tmp_path/'bench.csv', [], 1.
    def fake(name):
        made.append(name)
        if ratio == 2 and name == 'GRUCore' and made.count(name) == 2: raise KeyboardInterrupt
        return dict(name=name, median=ratio, low=1., high=2.)
    monkeypatch.setattr(bench, 'run_bench', fake)
    names = ['ElmanCore', 'GRUCore', 'LSTMCore']
    bench.bench_study(path, names)
    before, ratio = path.read_bytes(), 2.
    with pytest.raises(KeyboardInterrupt): bench.bench_study(path, names[:2], again=True)
    assert path.read_bytes() == before
    assert list(bench.bench_study(path, names[:2], again=True)['median']) == [2, 2] and made.count('ElmanCore') == 2
    assert list(pd.read_csv(path)['median']) == [2, 2, 1] and [p.name for p in tmp_path.iterdir()] == ['bench.csv']


def test_bare_loop_and_fit_learn_the_same():
    "What is timed against each other is the same work: the same windows, as many steps, an accuracy in the same range."
    r, dls = bench.recipe('nn_rnn'), bench.get_dls()
    bench.set_seed(0); bare = bench.bare_loop(r.model(31), dls, 3, r.lr)
    bench.set_seed(0); learn = bench.fit(r.model(31), dls, 3, r.lr, quiet=True)
    assert abs(bare - learn.recorder.values[-1][-1]) < .2 and bare > .3


def test_without_jax_or_a_compiler_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, 'jax', None)
    with pytest.raises(OSError, match='pip install jax'): bench.jax_gru(GRUCore(4, 4), torch.randn(2, 3, 4))
    assert main(['bench', '--names', 'JAX', '--path', str(tmp_path/'bench.csv')]) == 2 and 'pip install jax' in capsys.readouterr().err
    assert not (tmp_path/'bench.csv').exists()
    import torch._inductor.config as config
    with config.patch({'cpp.cxx': (None, 'no-such-compiler')}), pytest.raises(OSError, match='no-such-compiler'): bench.compiled_step()


@pytest.mark.parametrize('core, frame', [(bench.LoopAllGRU, bench.StatefulLM), (GRUCore, bench.TableLM)])
def test_the_forms_of_the_loop_agree(core, frame):
    "Over two windows, so that the state is carried: logits and the gradient of the embedding."
    ids, found = torch.randint(31, (4, 10)), []
    fused = torch.nn.GRU(8, 8, batch_first=True)
    for make, around in ((GRUCore, bench.StatefulLM), (core, frame)):
        bench.set_seed(0)
        model = around(make.from_torch(fused), 31, 8)
        model(ids[:, :5]); logits = model(ids[:, 5:]); logits.sum().backward()
        found.append((logits.detach(), model.embedding.weight.grad))
    for a, b in zip(*found): torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
