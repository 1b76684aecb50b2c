"""Nothing is lost: programs killed at random moments, interrupted, out of disk, two at once."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from conftest import ROOT, python

from rnn_course import recipes, saving
from rnn_course.files import only_one
from rnn_course.regularise import RegularisedLM

POSIX = pytest.mark.skipif(os.name != 'posix', reason='signals are those of Unix')

STUDY = '''
import sys, time
from functools import partial
from rnn_course.recipes import keep_record
def run(seed): time.sleep(.02); return dict(seed=seed, square=seed*seed, text='a, "b"'*1000)
if __name__ == '__main__': keep_record(sys.argv[1], run, [dict(seed=seed) for seed in range(int(sys.argv[2]))], n_jobs=int(sys.argv[3]))
'''


def start(path, n, jobs=1, tmp=None, code=STUDY):
    script = tmp/'study.py'
    script.write_text(code)
    return subprocess.Popen([sys.executable, '-W', 'ignore', script, path, str(n), str(jobs)], cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)},
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_rows(path, more_than, process):
    deadline = time.time() + 120
    while time.time() < deadline and process.poll() is None and (len(pd.read_csv(path)) if path.exists() else 0) <= more_than: time.sleep(.01)


def strike(work, rng, longest):
    "Fork a child that does `work`, and kill it at a random moment."
    child = os.fork()
    if child == 0:
        try: work()
        finally: os._exit(0)
    time.sleep(rng.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@POSIX
def test_a_study_killed_twenty_times(tmp_path):
    "Killed at random moments, the record is always readable, never loses a row or has one twice, and is completed in the end."
    path, rng, tried = tmp_path/'results'/'study.csv', random.Random(0), []
    run = lambda seed: dict(seed=seed, square=seed*seed, text='a, "b"'*10000)   # long rows: writing takes most of the time
    study = lambda n: recipes.keep_record(path, run, [dict(seed=seed) for seed in range(n)], n_jobs=1)
    for _ in range(20):
        strike(lambda: study(1000), rng, .4)
        table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=['seed', 'square'])
        assert table.seed.is_unique and table.notna().all().all() and (table.square == table.seed**2).all()
        assert len(table) >= max([0, *tried]), 'a row was lost'
        tried.append(len(table))
    assert len(set(tried)) > 5, tried   # it was killed at many different moments
    n = tried[-1] + 5
    assert list(study(n).seed) == list(range(n))
    for part in path.parent.glob('.*.part'): os.utime(part, (0, 0))   # what the killed ones left: cleared once it is old
    study(n + 1)
    assert [p.name for p in path.parent.iterdir()] == ['study.csv']


@POSIX
def test_saving_killed_twenty_times(tmp_path):
    "The file is always the old network or the new one."
    path, rng, seen = tmp_path/'net.safetensors', random.Random(1), set()
    models = [RegularisedLM(torch.nn.GRU(200, 200, 2, batch_first=True), 31, emb_scale=scale) for scale in (.1, 1.)]
    saving.save(models[0], path)
    def work():
        while True:
            for model in reversed(models): saving.save(model, path)
    for _ in range(20):
        strike(work, rng, .2)
        weight = saving.load(path).embedding.weight
        which = [torch.equal(weight, m.embedding.weight) for m in models]
        assert sum(which) == 1
        seen.add(which.index(True))
    assert seen == {0, 1}


@POSIX
def test_real_training_killed(tmp_path):
    code = "import sys; from rnn_course.recipes import run_seeds; run_seeds('single_output', range(6), sys.argv[1], epochs=1, n_jobs=int(sys.argv[3]))"
    path, rows = tmp_path/'single_output.csv', 0
    for wait in (.1, .6):
        study = start(tmp_path, 0, tmp=tmp_path, code=code)
        wait_for_rows(path, rows, study)
        time.sleep(wait)
        study.kill(); study.wait(); study.stderr.close()
        rows = len(pd.read_csv(path))
    assert rows > 0
    finished = recipes.run_seeds('single_output', range(6), tmp_path, epochs=1, n_jobs=1)
    assert list(finished.seed) == list(range(6)) and len(pd.read_csv(path)) == 6
    assert finished.accuracy.tolist()[0] == pytest.approx(recipes.run_seed('single_output', 0, 1)['accuracy'], abs=1e-6)


def children(pid):
    "All processes below `pid`, as far as the system tells."
    import psutil
    return psutil.Process(pid).children(recursive=True)


@POSIX
@pytest.mark.parametrize('sign', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_go_with_the_study(tmp_path, sign):
    pytest.importorskip('psutil')
    path = tmp_path/'study.csv'
    study = start(path, 40, 2, tmp_path, STUDY.replace('sleep(.02)', 'sleep(.2 if seed < 4 else 60)'))
    wait_for_rows(path, 3, study)
    workers = children(study.pid)
    assert len(workers) >= 2
    study.send_signal(sign); study.wait(timeout=20); study.stderr.close()
    deadline = time.time() + 15
    while time.time() < deadline and any(w.is_running() and w.status() != 'zombie' for w in workers): time.sleep(.1)
    assert not [w for w in workers if w.is_running() and w.status() != 'zombie']
    assert len(pd.read_csv(path)) == 4


@POSIX
def test_ctrl_c_on_the_command_line(tmp_path):
    command = [sys.executable, '-W', 'ignore', '-c', 'import sys; from rnn_course.cli import main; sys.exit(main())', 'study', '--names', 'single_output', '--folder', str(tmp_path)]
    study = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    study.stdout.readline()      # it has begun
    time.sleep(4)
    os.killpg(study.pid, signal.SIGINT)   # as a terminal does: to the workers as well
    said = study.communicate(timeout=60)[1]
    assert study.returncode == 130 and 'interrupted; what was finished is on record' in said and 'Traceback' not in said.split('rnn-course: interrupted')[-1]


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
    assert said.count('interrupted') == 2 and 'learned True' in said


def test_two_studies_do_not_write_the_same_record(tmp_path):
    path = tmp_path/'single_output.csv'
    other = subprocess.Popen([sys.executable, '-c', f'from rnn_course.files import only_one\nwith only_one({str(path)!r}): print("mine", flush=True); input()'],
                             cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    other.stdout.readline()
    with pytest.raises(BlockingIOError, match='another process is writing it'): recipes.run_seeds('single_output', [0], tmp_path, epochs=1, n_jobs=1)
    other.kill(); other.communicate()
    with only_one(path): pass


@pytest.mark.parametrize('content, reason', [(b'', 'not a record'), (b'\x80\x03binary\x00', 'not a record'), (b'a,b\n1,2\n', 'no column epochs, seed')])
def test_a_file_that_is_no_record_is_refused_and_kept(tmp_path, content, reason):
    path = tmp_path/'gru.csv'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as error: recipes.run_seeds('gru', [0], tmp_path)
    assert 'gru.csv' in str(error.value) and path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, 'run_seed', lambda *args: pytest.fail('it ran'))
    (tmp_path/'file').write_text('')
    for folder in (tmp_path/'file', tmp_path/'file'/'below'):
        with pytest.raises(OSError, match='cannot write into this folder') as error: recipes.run_seeds('gru', [0], folder, n_jobs=1)
        assert str(folder) in str(error.value)


@pytest.fixture
def small_disk(tmp_path):
    "A disk of 64 kB; only Linux' root can make one."
    disk = tmp_path/'disk'
    disk.mkdir()
    made = shutil.which('mount') and subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], capture_output=True).returncode == 0
    if not made: pytest.skip('no small disk can be mounted here')
    yield disk
    subprocess.run(['umount', '-l', disk])


def test_a_full_disk(small_disk):
    path, run = small_disk/'study.csv', lambda seed: dict(seed=seed, text='x'*3000)
    with pytest.raises(OSError, match='No space left') as error: recipes.keep_record(path, run, [dict(seed=s) for s in range(40)], n_jobs=1)
    assert str(path) in str(error.value)
    kept = pd.read_csv(path)
    assert 5 < len(kept) < 40 and list(kept.seed) == list(range(len(kept))) and [p.name for p in small_disk.iterdir()] == ['study.csv']
    subprocess.run(['mount', '-o', 'remount,size=4m', small_disk], check=True)   # room again: it goes on
    assert len(recipes.keep_record(path, run, [dict(seed=s) for s in range(40)], n_jobs=1)) == 40
