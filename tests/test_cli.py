"""The command line: what a person reads, what a program reads, and what happens to mistakes."""
import json
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import NBS, ROOT

from rnn_course.cli import COMMANDS, main

CALL = [sys.executable, '-W', 'ignore', '-c', 'import sys; from rnn_course.cli import main; sys.exit(main())']


def said(capsys, *argv, status=0):
    "What a command printed: standard output, standard error."
    assert main(argv) == status
    return capsys.readouterr()


def test_list(capsys):
    found = json.loads(said(capsys, 'list', '--json').out)
    assert [c['file'] for c in found['chapters']] == sorted(p.name for p in NBS.glob('[0-9]*.ipynb'))
    recipes = {r['name']: r for r in found['recipes']}
    assert recipes['gru']['article'] == 83.8 and 84 < recipes['gru']['mean'] < 85.5 and recipes['lstm']['article'] is None
    text = said(capsys, 'list').out
    for part in (*recipes, '05_gru', 'a verdict'): assert part in text
    assert 'nan' not in text.split()


def test_train_keeps_what_it_says(capsys, tmp_path):
    from rnn_course.data import get_dls
    from rnn_course.saving import load
    from rnn_course.training import evaluate
    path = tmp_path/'net.safetensors'
    out, err = said(capsys, 'train', 'nn_rnn', '--seed', '3', '--epochs', '1', '--save', str(path), '--json')
    found = json.loads(out)
    assert (found['name'], found['seed'], found['epochs'], found['article']) == ('nn_rnn', 3, 1, .671) and found['record']['mean'] == .677
    assert found['accuracy'] == pytest.approx(evaluate(load(path), get_dls().valid).accuracy, abs=1e-4)
    text = said(capsys, 'train', 'nn_rnn', '--seed', '3', '--epochs', '1').out
    assert 'the article reports 67.1' in text and f'validation accuracy {100*found["accuracy"]:.1f} %' in text and 'accuracy' in text.split('validation')[0]   # the live table


def test_count(capsys, tmp_path):
    assert said(capsys, 'count', 'seven hundred ninety eight ,', '--n', '8').out == 'seven hundred ninety nine , eight hundred ,\n'
    found = json.loads(said(capsys, 'count', 'two thousand nine hundred ninety nine,', '--n', '3', '--json').out)
    assert found['tokens'] == ['three', 'thousand', ',']
    shipped = str(NBS/'results'/'gru.safetensors')
    for prompt in ('seven hundred ninety eight ,', 'one , two , three ,'):   # without PyTorch and with it
        assert said(capsys, 'count', prompt).out == said(capsys, 'count', prompt, '--model', shipped).out


def test_count_stops_when_nobody_reads():
    process = subprocess.Popen([*CALL, 'count', 'one ,', '--n', '1000000'], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.read(20)
    process.stdout.close()
    assert process.wait(timeout=60) == 1 and process.stderr.read() == ''


def test_table(capsys):
    rows = {r['model']: r for r in json.loads(said(capsys, 'table', '--json').out)}
    assert list(rows) == ['single_output', 'stateful', 'stateful_relu', 'nn_rnn', 'two_layers', 'gru'] and rows['gru']['article'] == 83.8
    assert len(json.loads(said(capsys, 'table', '--variants', '--json').out)) > len(rows)
    assert said(capsys, 'table').out == said(capsys, 'table', '--folder', str(NBS/'results')).out


def test_table_run(capsys, monkeypatch):
    "Each recipe is trained once; here with one recipe in the table, to be quick."
    from rnn_course import recipes
    monkeypatch.setattr(recipes, 'RECIPES', {'single_output': recipes.RECIPES['single_output']})
    out, err = said(capsys, 'table', '--run', '--json')
    row, = json.loads(out)
    assert 33 < row['here'] < 50 and abs(row['mean'] - 45) < .1 and 'training single_output' in err


def test_notebooks(capsys, tmp_path):
    course = tmp_path/'deep'/'course'
    out = said(capsys, 'notebooks', str(course)).out
    copied = {p.relative_to(course).as_posix() for p in course.rglob('*') if p.is_file()}
    assert f'{len(copied)} files copied' in out
    for path in [*NBS.glob('*.ipynb'), *NBS.glob('solutions/*.ipynb'), *NBS.glob('results/*')]: assert path.relative_to(NBS).as_posix() in copied
    for path in course.rglob('*.ipynb'):   # pictures and links between chapters lead somewhere
        for target in re.findall(r'\]\(([^)#\s:]+\.(?:svg|ipynb))\)', path.read_text(encoding='utf-8')): assert (path.parent/target).exists(), (path.name, target)
    code = lambda path: [c['source'] for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code']
    for path in course.rglob('*.ipynb'): assert code(path) == code(NBS/path.relative_to(course))   # not even this command's own
    assert '0 files copied' in said(capsys, 'notebooks', str(course)).out
    mine = course/'02_stateful.ipynb'
    mine.write_text('mine')
    (course/'my notes.txt').write_text('notes')
    (course/'01_single_output.ipynb').unlink()
    out, err = said(capsys, 'notebooks', str(course), status=1)
    assert '1 files copied' in out and '02_stateful.ipynb' in err and '--force' in err and '03' not in err and mine.read_text() == 'mine'
    assert (course/'01_single_output.ipynb').exists()
    said(capsys, 'notebooks', str(course), '--force')
    assert mine.read_text(encoding='utf-8') != 'mine' and (course/'my notes.txt').read_text() == 'notes'


@pytest.mark.parametrize('argv, part', [
    (['tabel'], "command='tabel'"), (['train', 'GRU'], 'GRU'), (['train', 'gru', '--epochs', '-1'], 'epochs=-1'), (['train', 'gru', '--save', 'net.pt'], '.safetensors'),
    (['train', 'gru', '--seed', '-1'], 'seed'), (['count', 'one zero'], "'zero'"), (['count', ''], "prompt=''"), (['count', 'one ,', '--n', '0'], 'n=0'), (['count', 'one ,', '--model', 'nowhere.safetensors'], 'nowhere'),
    (['count', 'one ,', '--model', 'setup.py'], 'setup.py'), (['table', '--folder', 'nowhere'], 'nowhere'), (['study', '--names', 'gruu'], 'gruu'),
    (['bench', '--names', 'speed'], 'speed'), (['notebooks', 'setup.py'], 'setup.py')])
def test_a_mistake_is_a_line_on_standard_error(capsys, monkeypatch, argv, part):
    monkeypatch.chdir(ROOT)
    out, err = said(capsys, *argv, status=2)
    assert part in err and err.startswith('rnn-course') and 'Traceback' not in err and len(err.splitlines()) <= 3


@pytest.mark.parametrize('argv', [['count'], ['train'], ['train', 'gru', '--seed', 'three'], ['count', 'one ,', '--m'], ['notebooks']])
def test_a_wrong_option_ends_with_two(argv):
    done = subprocess.run([*CALL, *argv], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and 'usage: rnn-course' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_explains_its_options(name):
    done = subprocess.run([*CALL, name, '--help'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and COMMANDS[name].__doc__.split('.')[0][:30] in ' '.join(done.stdout.split())


@pytest.mark.skipif(sys.platform == 'win32', reason='signals are those of Unix')
def test_ctrl_c_keeps_the_last_epoch(tmp_path):
    from rnn_course.saving import load
    path = tmp_path/'net.safetensors'
    process = subprocess.Popen([*CALL, 'train', 'gru', '--epochs', '500', '--save', str(path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not path.exists() and process.poll() is None: time.sleep(.1)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and 'what was finished is kept' in err
    load(path)
