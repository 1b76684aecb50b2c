"""One network over several processes, and a training that is killed again and again."""
import os
import random
import signal
import time

import pytest
import torch
from fastai.basics import set_seed
from torch import nn

from rnn_course.data import get_dls
from rnn_course.machines import own_streams
from rnn_course.stateful import StatefulLM
from rnn_course.training import GoOn, fit

torch.set_num_threads(1)


@pytest.mark.parametrize('processes', [1, 2, 4, 64])
def test_the_processes_share_the_streams(processes):
    dls = get_dls()
    parts = [own_streams(dls, rank, processes) for rank in range(processes)]
    for loader in ('train', 'valid'):
        windows = [list(getattr(part, loader)) for part in parts]
        for i, (x, y) in enumerate(getattr(dls, loader)):
            assert torch.equal(torch.cat([of_one[i][0] for of_one in windows]), x)
            assert torch.equal(torch.cat([of_one[i][1] for of_one in windows]), y)


@pytest.mark.parametrize('said, rank, processes', [
    ('processes=3', 0, 3), ('processes=0', 0, 0), ('rank=2', 2, 2), ('rank=-1', -1, 2)])
def test_what_does_not_fit_is_named(said, rank, processes):
    with pytest.raises(ValueError, match=said): own_streams(get_dls(), rank, processes)


# ---- a training that goes on

def weights_after(path=None, core=None, every=3):
    "What a short training ends with."
    dls = get_dls()
    set_seed(3)
    core = core or nn.GRU(16, 16, 2, batch_first=True, dropout=.3)
    model = StatefulLM(core, len(dls.vocab), n_emb=16)
    cbs = [GoOn(path, every, about=dict(lr=.01))] if path else []
    learn = fit(model, dls, epochs=3, lr=.01, quiet=True, cbs=cbs)
    return model.state_dict(), [list(row) for row in learn.recorder.values]


def same(ours, theirs):
    (weights, rows), (wanted, wanted_rows) = ours, theirs
    return all(torch.equal(weights[name], wanted[name]) for name in wanted) and rows == wanted_rows


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Windows has no fork')
def test_killed_twenty_times_it_ends_where_an_unbroken_training_ends(tmp_path):
    path, wait = tmp_path/'training.safetensors', random.Random(0)
    start = time.perf_counter()
    unbroken = weights_after()
    whole = time.perf_counter() - start
    killed = 0
    for _ in range(20):
        child = os.fork()
        if child == 0:   # it trains until it is killed, or done
            weights_after(path)
            os._exit(0)
        time.sleep(wait.uniform(.02, .15)*whole)
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert killed >= 5 and path.exists()   # the last ones may come too late
    assert same(weights_after(path), unbroken)


@pytest.mark.parametrize('core', [lambda: nn.LSTM(16, 16, batch_first=True), None])
def test_a_training_that_is_over_is_over(tmp_path, core):
    path = tmp_path/'training.safetensors'
    first = weights_after(path, core and core())
    kept = path.stat().st_mtime_ns
    assert same(weights_after(path, core and core()), first)
    assert path.stat().st_mtime_ns == kept   # nothing was left to do


def test_another_training_is_not_taken_up(tmp_path):
    path = tmp_path/'training.safetensors'
    weights_after(path)
    with pytest.raises(ValueError, match='of another training, with other weights'):
        weights_after(path, nn.GRU(16, 8, batch_first=True))
    dls = get_dls()
    model = StatefulLM(nn.GRU(16, 16, 2, batch_first=True, dropout=.3), len(dls.vocab), n_emb=16)
    others = ('epochs=3, here 2', 2, dict(lr=.01)), ('lr=0.01, here 0.1', 3, dict(lr=.1))
    for said, epochs, about in others:
        with pytest.raises(ValueError, match=said):
            fit(model, dls, epochs=epochs, lr=.01, quiet=True, cbs=[GoOn(path, about=about)])
    path.write_bytes(b'no')
    with pytest.raises(ValueError, match='training.safetensors: not a training'): weights_after(path)
    with pytest.raises(ValueError, match='every=0'): GoOn(path, every=0)
