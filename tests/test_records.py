"""Studies on a cluster, and networks that a machine trains once."""
import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from rnn_course import recipes, records


def who_ran(seed):
    "A run that says in which process it was."
    return dict(seed=seed, process=os.getpid())


def test_a_dask_cluster_takes_a_study(tmp_path):
    "Two workers of a local cluster make the runs; joblib's own configuration is all it takes."
    distributed = pytest.importorskip('dask.distributed')
    from joblib import parallel_config
    keys = [dict(seed=seed) for seed in range(12)]
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        workers = set(client.run(os.getpid).values())
        with parallel_config('dask'): table = records.keep_record(tmp_path/'study.csv', who_ran, keys)
    assert len(workers) == 2 and set(table.process) <= workers and list(table.seed) == list(range(12))


def dies_once(seed, flag):
    "A run whose process is killed, the first time."
    if seed == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return who_ran(seed)


@pytest.mark.skipif(os.name == 'nt', reason='Windows has no SIGKILL')
def test_nothing_is_lost_when_a_worker_of_a_cluster_is_killed(tmp_path):
    distributed = pytest.importorskip('dask.distributed')
    from joblib import parallel_config
    keys, flag = [dict(seed=seed) for seed in range(12)], str(tmp_path/'killed')
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        before = set(client.run(os.getpid).values())
        with parallel_config('dask'):
            table = records.keep_record(tmp_path/'study.csv', partial(dies_once, flag=flag), keys)
        client.wait_for_workers(2, timeout=60)
        after = set(client.run(os.getpid).values())
    assert Path(flag).exists() and len(before & after) == 1   # one was killed, another came for it
    assert list(table.seed) == list(range(12))


def test_the_caller_chooses_the_backend(tmp_path):
    from joblib import parallel_config
    with parallel_config('threading', n_jobs=2):
        table = records.keep_record(tmp_path/'study.csv', who_ran, [dict(seed=seed) for seed in range(3)])
    assert set(table.process) == {os.getpid()}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    "An empty cache of its own."
    monkeypatch.setenv('RNN_COURSE_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


def test_a_network_is_trained_once_and_is_the_same(cache, capsys):
    first, again = (recipes.trained('gru', seed=3, epochs=1) for _ in range(2))
    random_after = torch.get_rng_state()
    fresh = recipes.train('gru', seed=3, epochs=1, quiet=True)
    assert capsys.readouterr().out.splitlines()[:2] == [
        'gru, seed 3, 1 epochs: trained now', 'gru, seed 3, 1 epochs: trained before on this machine']
    for learn in (first, again):
        weights, wanted = learn.model.state_dict(), fresh.model.state_dict()
        assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
        assert list(learn.recorder.values) == list(fresh.recorder.values)
    assert torch.equal(random_after, torch.get_rng_state())   # the cache does not change what is random later


def test_other_code_or_versions_are_another_key(cache, monkeypatch):
    made = []
    def make():
        made.append(len(made))
        return made[-1]
    assert [records.remember(dict(name='a'), make) for _ in range(2)] == [(0, False), (0, True)]
    assert records.remember(dict(name='b'), make) == (1, False)
    monkeypatch.setattr(records, '_code', lambda: 'changed')
    assert records.remember(dict(name='a'), make) == (2, False)
    monkeypatch.setattr(records, 'versions', lambda: dict(torch='99'))
    assert records.remember(dict(name='a'), make) == (3, False)


def test_a_mistake_is_not_remembered(cache):
    def fail(): raise ArithmeticError
    with pytest.raises(ArithmeticError): records.remember(dict(name='a'), fail)
    assert records.remember(dict(name='a'), lambda: 1) == (1, False)


def test_without_a_cache(monkeypatch):
    monkeypatch.setenv('RNN_COURSE_CACHE', 'off')
    assert records.cache_folder() is None
    assert [records.remember(dict(name='a'), lambda: 1) for _ in range(2)] == [(1, False)]*2
    monkeypatch.delenv('RNN_COURSE_CACHE')
    assert records.cache_folder() == Path.home()/'.cache'/'rnn_course'
