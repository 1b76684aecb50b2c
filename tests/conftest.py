"""What the tests share: the notebooks, and a copy of the project to try things in."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)   # started in the background, a shell has us ignore Ctrl-C; some tests press it

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
BIN = Path(sys.executable).parent
NOTEBOOKS = sorted(p for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts and not p.name.startswith('_'))


def run(*args, cwd=ROOT, env=None, timeout=900, check=True):
    "Run a command and return the finished process, with its output on failure."
    done = subprocess.run([str(a) for a in args], cwd=cwd, env={**os.environ, **(env or {})}, timeout=timeout, capture_output=True, text=True)
    assert not check or done.returncode == 0, f'{args} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    return done


def python(code, cwd=ROOT, env=None, **kwargs):
    "Run `code` in a fresh Python that finds the package in this checkout."
    return run(sys.executable, '-W', 'ignore', '-c', code, cwd=cwd, env={'PYTHONPATH': str(ROOT), **(env or {})}, **kwargs)


@pytest.fixture
def project(tmp_path):
    "A copy of the project as git sees it: tracked files and new ones that are not ignored."
    files = run('git', 'ls-files', '-co', '--exclude-standard').stdout.split('\n')
    for name in filter(None, files):
        if not (ROOT/name).is_file(): continue
        (tmp_path/name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/name).write_bytes((ROOT/name).read_bytes())
    return tmp_path
