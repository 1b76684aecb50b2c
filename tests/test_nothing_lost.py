"""Nothing is lost: programs killed at random moments, interrupted, out of disk, two at once."""
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pandas as pd
import pytest
import torch
from conftest import ROOT, python

from rnn_course import recipes, saving
from rnn_course.gru import GRUCore
from rnn_course.records import keep_record, lock, replace_file
from rnn_course.frames import RegularisedLM
from rnn_course.stateful import StatefulLM

POSIX = pytest.mark.skipif(os.name != 'posix', reason='signals are those of Unix')


# ---- processes to be killed

def begin(work):
    "Fork a process that does `work`; its number."
    child = os.fork()
    if child: return child
    try:
        work()
        os._exit(0)
    except KeyboardInterrupt: os._exit(130)
    except BlockingIOError: os._exit(3)
    finally: os._exit(1)


def exit_status(child):
    "Wait until a process has ended."
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def strike(work, rng, longest):
    "Fork a child that does `work`, and kill it at a random moment."
    child = os.fork()
    if child == 0:
        try: work()
        finally: os._exit(0)
    time.sleep(rng.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def workers_of(pid):
    "The workers below `pid`, and what else it has started."
    import psutil
    return psutil.Process(pid).children(recursive=True)


def alive(processes):
    return [process for process in processes if process.is_running() and process.status() != 'zombie']


def gone(processes, within):
    "Have all of them ended, or do they end within so many seconds?"
    deadline = time.time() + within
    while alive(processes) and time.time() < deadline: time.sleep(.05)
    return not alive(processes)


# ---- records, and what they hold

def seeds(n):
    "The keys of `n` runs."
    return [dict(seed=seed) for seed in range(n)]


def read(path, columns):
    "A record; where there is none yet, one without rows."
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=columns)


def rows_in(path):
    return len(read(path, ['seed']))


def is_whole(table):
    "No row is there twice, and none is cut off."
    return table.seed.is_unique and table.notna().all().all()


def files_in(folder):
    return [path.name for path in folder.iterdir()]


def small_model():
    return StatefulLM(GRUCore(8, 8), 31, 8)


def large_model(emb_scale):
    return RegularisedLM(torch.nn.GRU(200, 200, 2, batch_first=True), 31, emb_scale=emb_scale)


# ---- killed at a random moment

@POSIX
def test_a_study_killed_twenty_times(tmp_path):
    "The record is always readable, never loses a row or has one twice, and is completed in the end."
    path, rng, tried = tmp_path/'results'/'study.csv', random.Random(0), []

    def run(seed): return dict(seed=seed, square=seed*seed, text='a, "b"'*10000)   # long: mostly it writes
    def study(n): return keep_record(path, run, seeds(n), n_jobs=1)

    for _ in range(20):
        strike(lambda: study(1000), rng, .4)
        table = read(path, ['seed', 'square'])
        assert is_whole(table)
        assert (table.square == table.seed**2).all()
        assert len(table) >= max([0, *tried]), 'a row was lost'
        tried.append(len(table))
    assert len(set(tried)) > 5, tried   # it was killed at many different moments
    n = tried[-1] + 5
    assert list(study(n).seed) == list(range(n))
    assert files_in(path.parent) == ['study.csv']   # nothing is left of those that were killed


@POSIX
def test_saving_killed_twenty_times(tmp_path):
    "The file is always the old network or the new one."
    path, rng, seen = tmp_path/'net.safetensors', random.Random(1), set()
    models = [large_model(emb_scale=scale) for scale in (.1, 1.)]
    saving.save(models[0], path)

    def work():
        while True:
            for model in reversed(models): saving.save(model, path)

    for _ in range(20):
        strike(work, rng, .2)
        weight = saving.load(path).embedding.weight
        which = [torch.equal(weight, model.embedding.weight) for model in models]
        assert sum(which) == 1
        seen.add(which.index(True))
    assert seen == {0, 1}


@POSIX
def test_real_training_killed(tmp_path):
    path, rows, rng = tmp_path/'single_output.csv', 0, random.Random(2)

    def study(): return recipes.run_seeds('single_output', range(6), tmp_path, epochs=1, n_jobs=1)

    for _ in range(4):
        strike(study, rng, 2.5)
        table = read(path, ['seed'])
        assert is_whole(table)
        assert len(table) >= rows
        rows = len(table)
    finished = study()
    assert rows > 0
    assert list(finished.seed) == list(range(6))
    assert rows_in(path) == 6
    alone = recipes.run_seed('single_output', 0, 1)
    assert finished.accuracy.tolist()[0] == pytest.approx(alone['accuracy'], abs=1e-6)


# ---- the workers of a study

def slow(seed):
    "The first four runs are short, the others long."
    time.sleep(.1 if seed < 4 else 60)
    return dict(seed=seed, pid=os.getpid())


ENDS = {
    'kill at the start': (signal.SIGKILL, 0),
    'term': (signal.SIGTERM, 4),
    'ctrl-c': (signal.SIGINT, 4),
}


@POSIX
@pytest.mark.parametrize('sign, after', ENDS.values(), ids=ENDS)
def test_workers_go_with_the_study(tmp_path, sign, after):
    "Even those that have only just begun, and were never given any work."
    pytest.importorskip('psutil')
    path, deadline = tmp_path/'study.csv', time.time() + 120
    study = begin(lambda: keep_record(path, partial(slow), seeds(40), n_jobs=2))

    def has_begun(): return len(workers_of(study)) >= 3 and rows_in(path) >= after

    while time.time() < deadline and not has_begun(): time.sleep(.02)
    workers = workers_of(study)
    os.kill(study, sign)
    os.waitpid(study, 0)
    with lock(path): pass   # free for the next, whether or not the workers have noticed
    assert gone(workers, 15)
    assert rows_in(path) == after


@POSIX
def test_a_killed_worker_is_reported_and_the_study_goes_on(tmp_path):
    pytest.importorskip('psutil')
    path = tmp_path/'study.csv'

    def strike_worker():
        while rows_in(path) < 4: time.sleep(.02)
        os.kill(int(pd.read_csv(path).pid[0]), signal.SIGKILL)

    def quick(seed): return dict(seed=seed, pid=0)

    threading.Thread(target=strike_worker, daemon=True).start()
    with pytest.raises(ChildProcessError, match='study.csv: a worker process broke down'):
        keep_record(path, slow, seeds(6), n_jobs=2)
    assert rows_in(path) == 4
    assert list(keep_record(path, quick, seeds(6), n_jobs=2).seed) == list(range(6))   # in the same process


# ---- interrupted

@POSIX
def test_ctrl_c_on_the_command_line(tmp_path):
    call = 'import sys; from rnn_course.cli import main; sys.exit(main())'
    command = [sys.executable, '-W', 'ignore', '-c', call]
    command += ['study', '--names', 'single_output', '--folder', str(tmp_path)]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    study = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
    study.stdout.readline()   # it has begun
    time.sleep(4)
    os.killpg(study.pid, signal.SIGINT)   # as a terminal does: to the workers as well
    said = study.communicate(timeout=60)[1]
    assert study.returncode == 130
    assert 'interrupted; what was finished is kept' in said
    assert 'Traceback' not in said.split('rnn-course: interrupted')[-1]


@POSIX
def test_ctrl_c_during_fit():
    "The model keeps what it has learned, and training goes on from there."
    said = python('''
import os, signal, threading, time, torch
from fastai.callback.core import Callback
from rnn_course.data import get_dls
from rnn_course.recipes import RECIPES
from rnn_course.training import evaluate, fit
class Strike(Callback):
    def after_batch(self):
        if self.training and self.epoch == 1 and self.iter == 20: os.kill(os.getpid(), signal.SIGINT)
dls = get_dls()
model = RECIPES['nn_rnn'].model(31)
before = evaluate(model, dls.valid).loss
for quiet in (True, False):
    try: fit(model, dls, 4, 3e-3, cbs=[Strike()], quiet=quiet)
    except KeyboardInterrupt: print('interrupted')
after = evaluate(model, dls.valid).loss
fit(model, dls, 1, 3e-3, quiet=True)
print('learned', before > after + .3)''').stdout
    assert said.count('interrupted') == 2
    assert 'learned True' in said


# ---- two at once

@POSIX
def test_two_studies_at_once(tmp_path):
    "One makes the record, the other is refused; nothing is lost."
    path = tmp_path/'study.csv'

    def run(seed):
        time.sleep(.02)
        return dict(seed=seed, pid=os.getpid())

    both = [begin(lambda: keep_record(path, run, seeds(30), n_jobs=1)) for _ in range(2)]
    assert sorted(exit_status(child) for child in both) == [0, 3]
    table = pd.read_csv(path)
    assert list(table.seed) == list(range(30))
    assert table.pid.nunique() == 1


@POSIX
def test_two_programs_that_replace_a_file(tmp_path):
    "They take turns; a third always reads a whole one."
    path, contents = tmp_path/'file', [bytes([i])*300_000 for i in range(2)]
    replace_file(path, contents[0])

    def write(content):
        for _ in range(40): replace_file(path, content)

    both = [begin(partial(write, content)) for content in contents]
    for _ in range(200): assert path.read_bytes() in contents
    assert [exit_status(child) for child in both] == [0, 0]
    assert files_in(tmp_path) == ['file']


HOLD = '''
import sys
from rnn_course.records import lock
with lock(sys.argv[1]):
    print('mine', flush=True)
    input()'''


def test_two_studies_do_not_write_the_same_record(tmp_path):
    path = tmp_path/'single_output.csv'
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    other = subprocess.Popen([sys.executable, '-c', HOLD, str(path)], cwd=ROOT, **pipes)
    other.stdout.readline()
    with pytest.raises(BlockingIOError, match='another process is writing it'):
        recipes.run_seeds('single_output', [0], tmp_path, epochs=1, n_jobs=1)
    other.kill()
    other.communicate()
    with lock(path): pass


# ---- files that are something else, folders that cannot be written

NO_RECORDS = [
    (b'', 'No columns'),
    (b'\x80\x03binary\x00', 'not a record'),
    (b'a,b\n1,2\n', 'no column epochs, seed'),
    (b'seed,epochs,a\n0,1,2\n3,1\n', 'a row is cut off'),
    (b'seed,epochs,a\n0,1,2', 'a row is cut off'),
    (b'seed,epochs,a\n,1,2\n', 'a row is cut off'),
    (b'seed,epochs,a\n0,1,2\n' + b'\0'*99, 'a row is cut off'),
]


@pytest.mark.parametrize('content, reason', NO_RECORDS)
def test_a_file_that_is_no_record_is_refused_and_kept(tmp_path, content, reason):
    path = tmp_path/'gru.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as error: recipes.run_seeds('gru', [0], tmp_path)
    assert 'gru.csv' in str(error.value)
    assert path.read_bytes() == content


def never(*args, **kwargs):
    pytest.fail('it ran')


def test_a_folder_that_cannot_be_written_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, 'run_seed', never)
    (tmp_path/'file').write_text('')
    for folder in (tmp_path/'file', tmp_path/'file'/'below'):
        with pytest.raises(OSError, match='write into') as error:
            recipes.run_seeds('gru', [0], folder, n_jobs=1)
        assert str(folder) in str(error.value)


OTHER_TABLES = [
    (b'seed,price\n7,3.5\n', 'its columns are seed, price; expected seed, a'),
    (b'seed,a\nseven,1\n', 'text where numbers are expected'),
]


@pytest.mark.parametrize('content, reason', OTHER_TABLES)
def test_another_table_is_refused_and_kept(tmp_path, content, reason):
    "Its columns have the right names for the key: known at the first row, and no later."
    path = tmp_path/'study.csv'
    path.write_bytes(content)

    def run(seed): return dict(seed=seed, a=1)

    with pytest.raises(ValueError, match=reason) as error: keep_record(path, run, seeds(1), n_jobs=1)
    assert str(path) in str(error.value)
    assert path.read_bytes() == content


def cut_off(good, rng):
    return good[:rng.randrange(len(good))]


def with_another_header(good, rng):
    "One to three bytes of the header changed."
    bad, header = bytearray(good), 8 + int.from_bytes(good[:8], 'little')
    for at in rng.sample(range(header), rng.randint(1, 3)): bad[at] = rng.randrange(256)
    return bytes(bad)


def test_damaged_networks_are_refused(tmp_path):
    "Cut off anywhere, or with bytes of the header changed: a ValueError, or read as what it says it is."
    path, rng = tmp_path/'net.safetensors', random.Random(3)
    saving.save(recipes.RECIPES['two_layers'].model(31), path)
    good = path.read_bytes()
    for damage in [with_another_header, cut_off]*100:
        path.write_bytes(damage(good, rng))
        try: model = saving.load(path)
        except ValueError as e: assert str(path) in str(e)
        else:
            assert damage is not cut_off
            assert type(model).__name__ == 'StatefulLM'


# ---- full disks

def mount(*args):
    return subprocess.run(['mount', *args], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    "A disk of 64 kB; only Linux' root can make one."
    disk = tmp_path/'disk'
    disk.mkdir()
    if not shutil.which('mount') or not mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk):
        pytest.skip('no small disk can be mounted here')
    yield disk
    subprocess.run(['umount', '-l', disk])


def test_a_full_disk(small_disk):
    path = small_disk/'study.csv'

    def run(seed): return dict(seed=seed, text='x'*3000)

    with pytest.raises(OSError, match='No space left') as error: keep_record(path, run, seeds(40), n_jobs=1)
    assert str(path) in str(error.value)
    kept = pd.read_csv(path)
    assert 5 < len(kept) < 40
    assert list(kept.seed) == list(range(len(kept)))
    assert files_in(small_disk) == ['study.csv']
    assert mount('-o', 'remount,size=4m', small_disk)   # room again: it goes on
    assert len(keep_record(path, run, seeds(40), n_jobs=1)) == 40


def test_a_full_or_locked_disk_is_noticed_before_the_work(small_disk):
    (small_disk/'other').write_bytes(b'x'*(64*1024))   # full
    with pytest.raises(OSError, match='No space left') as error:
        keep_record(small_disk/'study.csv', never, seeds(1), n_jobs=1)
    assert str(small_disk) in str(error.value)
    assert files_in(small_disk) == ['other']
    assert mount('-o', 'remount,ro', small_disk)   # even root cannot write now
    with pytest.raises(OSError, match='Read-only') as error:
        keep_record(small_disk/'study.csv', never, seeds(1), n_jobs=1)
    assert str(small_disk) in str(error.value)


def test_a_network_on_a_full_disk(small_disk):
    "The old file stays, and is whole."
    path, small = small_disk/'net.safetensors', small_model()
    large = recipes.RECIPES['gru'].model(31)
    saving.save(small, path)
    with pytest.raises(OSError, match='No space left') as error: saving.save(large, path)
    assert str(path) in str(error.value)
    assert files_in(small_disk) == ['net.safetensors']
    assert torch.equal(saving.load(path).embedding.weight, small.embedding.weight)


def test_a_disk_said_to_be_full(tmp_path, monkeypatch):
    "As above where no disk can be mounted: the system's answer is made up."
    path = tmp_path/'net.safetensors'
    saving.save(small_model(), path)
    before, calls = path.read_bytes(), []

    def full(number):
        calls.append(number)
        if len(calls) == 1: return   # a look whether one may write
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left') as error: saving.save(small_model(), path)
    assert str(path) in str(error.value)
    assert path.read_bytes() == before
    assert files_in(tmp_path) == ['net.safetensors']
