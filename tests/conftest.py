"""What the tests share: the modules, the notebooks, and a copy of the project to try things in."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# started in the background, a shell has us ignore Ctrl-C; some tests press it
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
BIN = Path(sys.executable).parent

# In their order: a module may import those before it.
MODULES = [
    'checks', 'records', 'drawing', 'diagrams', 'data', 'single_output', 'stateful', 'frames',
    'training', 'nn_rnn', 'deep', 'gru', 'linear', 'attention', 'rule', 'recipes', 'lstm',
    'gradients', 'tracking', 'ceiling', 'counting', 'adapt', 'regularise', 'bench',
    'saving', 'pocket', 'live', 'machines', 'cli', 'exercises',
]


def is_of_the_course(path):
    "Neither a copy that Jupyter keeps, nor one that nbdev leaves out."
    return '.ipynb_checkpoints' not in path.parts and not path.name.startswith('_')


def label(path):
    "How a notebook is called in the name of a test."
    return path.relative_to(NBS).as_posix()


def reading_order(path):
    "The chapter that begins the course, the other chapters, appendices, solutions."
    return path.stem != '00_start', path


NOTEBOOKS = sorted((path for path in NBS.rglob('*.ipynb') if is_of_the_course(path)), key=reading_order)
CHAPTERS = [path for path in NOTEBOOKS if path.parent == NBS and re.match(r'\d\d_', path.name)]
APPENDICES = [path for path in NOTEBOOKS if path.parent == NBS and re.match('[A-Z]_', path.name)]

# The tests that `--quick` picks: what everything else stands on, in seconds.
QUICK = ('test_bad_input.py', 'test_records.py', 'test_parity.py', 'test_bptt.py', 'test_exercises.py',
         'test_house.py', 'test_commands.py',
         'test_notebooks.py::test_notebook[A_checks.ipynb]')


def pytest_addoption(parser):
    parser.addoption('--quick', action='store_true', help='only the tests of what everything else stands on')


def pytest_configure(config):
    if config.getoption('quick'): os.environ['RNN_COURSE_QUICK'] = '1'   # fewer random shapes


def pytest_collection_modifyitems(config, items):
    if not config.getoption('quick'): return
    wanted = [item for item in items if item.nodeid.removeprefix('tests/').startswith(QUICK)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


every_notebook = pytest.mark.parametrize('path', NOTEBOOKS, ids=label)


def run(*args, cwd=ROOT, env=None, timeout=900, check=True):
    "Run a command and return the finished process, with its output on failure."
    command = [str(arg) for arg in args]
    env = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True)
    output = f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    assert not check or done.returncode == 0, f'{args} ended with {done.returncode}\n{output}'
    return done


def python(code, cwd=ROOT, env=None, **kwargs):
    "Run `code` in a fresh Python that finds the package in this checkout."
    env = {'PYTHONPATH': str(ROOT), **(env or {})}
    return run(sys.executable, '-W', 'ignore', '-c', code, cwd=cwd, env=env, **kwargs)


@pytest.fixture
def project(tmp_path):
    "A copy of the project as git sees it: tracked files and new ones that are not ignored."
    files = run('git', 'ls-files', '-co', '--exclude-standard').stdout.splitlines()
    for name in files:
        if not (ROOT/name).is_file(): continue
        (tmp_path/name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/name).write_bytes((ROOT/name).read_bytes())
    return tmp_path
