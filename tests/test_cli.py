"""The command line: what a person reads, what a program reads, and what happens to mistakes."""
import json
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import CHAPTERS, NBS, ROOT

from rnn_course.cli import COMMANDS, main

CALL = [sys.executable, '-W', 'ignore', '-c', 'import sys; from rnn_course.cli import main; sys.exit(main())']


def said(capsys, *argv, status=0):
    "What a command printed: standard output, standard error."
    assert main(argv) == status
    return capsys.readouterr()


def begin(*argv):
    "A command in a process of its own, whose output we read as it comes."
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([*CALL, *argv], cwd=ROOT, **pipes)


def finish(*argv):
    "The same, run to its end."
    return subprocess.run([*CALL, *argv], cwd=ROOT, capture_output=True, text=True)


# ---- list, train, count, table

def test_list(capsys):
    found = json.loads(said(capsys, 'list', '--json').out)
    files = [chapter['file'] for chapter in found['chapters']]
    assert files == [path.name for path in CHAPTERS]
    recipes = {recipe['name']: recipe for recipe in found['recipes']}
    assert recipes['gru']['article'] == 83.8
    assert 84 < recipes['gru']['mean'] < 85.5
    assert recipes['lstm']['article'] is None
    text = said(capsys, 'list').out
    for part in (*recipes, '05_gru', 'a verdict'): assert part in text
    assert 'nan' not in text.split()


def test_train_keeps_what_it_says(capsys, tmp_path):
    from rnn_course.data import get_dls
    from rnn_course.saving import load
    from rnn_course.training import evaluate
    path, command = tmp_path/'net.safetensors', ['train', 'nn_rnn', '--seed', '3', '--epochs', '1']
    found = json.loads(said(capsys, *command, '--save', str(path), '--json').out)
    assert (found['name'], found['seed'], found['epochs'], found['article']) == ('nn_rnn', 3, 1, .671)
    assert found['record']['mean'] == .677
    kept = evaluate(load(path), get_dls().valid)
    assert found['accuracy'] == pytest.approx(kept.accuracy, abs=1e-4)
    text = said(capsys, *command).out
    assert 'the article reports 67.1' in text
    assert f'validation accuracy {100*found["accuracy"]:.1f} %' in text
    live_table = text.split('validation')[0]
    assert 'accuracy' in live_table


def test_count(capsys):
    text = said(capsys, 'count', 'seven hundred ninety eight ,', '--n', '8').out
    assert text == 'seven hundred ninety nine , eight hundred ,\n'
    text = said(capsys, 'count', 'two thousand nine hundred ninety nine,', '--n', '3', '--json').out
    assert json.loads(text)['tokens'] == ['three', 'thousand', ',']


@pytest.mark.parametrize('prompt', ['seven hundred ninety eight ,', 'one , two , three ,'])
def test_count_says_the_same_without_torch_and_with_it(capsys, prompt):
    shipped = str(NBS/'results'/'gru.safetensors')
    assert said(capsys, 'count', prompt).out == said(capsys, 'count', prompt, '--model', shipped).out


def test_count_stops_when_nobody_reads():
    process = begin('count', 'one ,', '--n', '1000000')
    process.stdout.read(20)
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == ''


def test_table(capsys):
    rows = {row['model']: row for row in json.loads(said(capsys, 'table', '--json').out)}
    assert list(rows) == ['single_output', 'stateful', 'stateful_relu', 'nn_rnn', 'two_layers', 'gru']
    assert rows['gru']['article'] == 83.8
    assert len(json.loads(said(capsys, 'table', '--variants', '--json').out)) > len(rows)
    assert said(capsys, 'table').out == said(capsys, 'table', '--folder', str(NBS/'results')).out


def test_table_run(capsys, monkeypatch):
    "Each recipe is trained once; here with one recipe in the table, to be quick."
    from rnn_course import recipes
    monkeypatch.setattr(recipes, 'RECIPES', {'single_output': recipes.RECIPES['single_output']})
    out, err = said(capsys, 'table', '--run', '--json')
    [row] = json.loads(out)
    assert 33 < row['here'] < 50
    assert abs(row['mean'] - 45) < .1
    assert 'training single_output' in err


# ---- notebooks

def code_of(path):
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    return [cell['source'] for cell in cells if cell['cell_type'] == 'code']


def test_notebooks_are_copied_whole(capsys, tmp_path):
    course = tmp_path/'deep'/'course'
    out = said(capsys, 'notebooks', str(course)).out
    copied = {path.relative_to(course).as_posix() for path in course.rglob('*') if path.is_file()}
    assert f'{len(copied)} files copied' in out
    for path in [*NBS.glob('*.ipynb'), *NBS.glob('solutions/*.ipynb'), *NBS.glob('results/*')]:
        assert path.relative_to(NBS).as_posix() in copied
    for path in course.rglob('*.ipynb'):
        # pictures and links between chapters lead somewhere
        for target in re.findall(r'\]\(([^)#\s:]+\.(?:svg|ipynb))\)', path.read_text(encoding='utf-8')):
            assert (path.parent/target).exists(), (path.name, target)
        # not even this command's own code is another
        assert code_of(path) == code_of(NBS/path.relative_to(course))


def test_notebooks_that_a_reader_changed_are_kept(capsys, tmp_path):
    course = tmp_path/'course'
    said(capsys, 'notebooks', str(course))
    assert '0 files copied' in said(capsys, 'notebooks', str(course)).out
    mine = course/'02_stateful.ipynb'
    mine.write_text('mine')
    (course/'my notes.txt').write_text('notes')
    (course/'01_single_output.ipynb').unlink()
    out, err = said(capsys, 'notebooks', str(course), status=1)
    assert '1 files copied' in out
    assert '02_stateful.ipynb' in err and '--force' in err and '03' not in err
    assert mine.read_text() == 'mine'
    assert (course/'01_single_output.ipynb').exists()
    said(capsys, 'notebooks', str(course), '--force')
    assert mine.read_text(encoding='utf-8') != 'mine'
    assert (course/'my notes.txt').read_text() == 'notes'


# ---- mistakes

MISTAKES = [
    (['tabel'], "command='tabel'"),
    (['train', 'GRU'], 'GRU'),
    (['train', 'gru', '--epochs', '-1'], 'epochs=-1'),
    (['train', 'gru', '--save', 'net.pt'], '.safetensors'),
    (['train', 'gru', '--seed', '-1'], 'seed'),
    (['count', 'one zero'], "'zero'"),
    (['count', ''], "prompt=''"),
    (['count', 'one ,', '--n', '0'], 'n=0'),
    (['count', 'one ,', '--model', 'nowhere.safetensors'], 'nowhere'),
    (['count', 'one ,', '--model', 'setup.py'], 'setup.py'),
    (['table', '--folder', 'nowhere'], 'nowhere'),
    (['study', '--names', 'gruu'], 'gruu'),
    (['bench', '--names', 'speed'], 'speed'),
    (['notebooks', 'setup.py'], 'setup.py'),
]


@pytest.mark.parametrize('argv, part', MISTAKES)
def test_a_mistake_is_a_line_on_standard_error(capsys, monkeypatch, argv, part):
    monkeypatch.chdir(ROOT)
    err = said(capsys, *argv, status=2).err
    assert part in err
    assert err.startswith('rnn-course')
    assert 'Traceback' not in err
    assert len(err.splitlines()) <= 3


WRONG_OPTIONS = [
    ['count'],
    ['train'],
    ['train', 'gru', '--seed', 'three'],
    ['count', 'one ,', '--m'],
    ['notebooks'],
]


@pytest.mark.parametrize('argv', WRONG_OPTIONS)
def test_a_wrong_option_ends_with_two(argv):
    done = finish(*argv)
    assert done.returncode == 2
    assert 'usage: rnn-course' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_explains_its_options(name):
    done = finish(name, '--help')
    assert done.returncode == 0
    explained = COMMANDS[name].__doc__.split('.')[0]
    assert explained[:30] in ' '.join(done.stdout.split())


@pytest.mark.skipif(sys.platform == 'win32', reason='signals are those of Unix')
def test_ctrl_c_keeps_the_last_epoch(tmp_path):
    from rnn_course.saving import load
    path = tmp_path/'net.safetensors'
    process = begin('train', 'gru', '--epochs', '500', '--save', str(path))
    while not path.exists() and process.poll() is None: time.sleep(.1)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert 'what was finished is kept' in err
    load(path)
