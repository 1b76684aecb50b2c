"""The package as others get it: a wheel, in an environment with a current fastai."""
import os
import sys
import zipfile

import pytest
from conftest import ROOT, run

USE = '''
import importlib, sys, pathlib
import fastai, fastcore, rnn_course
from rnn_course.recipes import RECIPES, train
from rnn_course.training import evaluate
for name in 'data drawing files training single_output stateful nn_rnn deep gru recipes lstm gradients ceiling counting adapt regularise bench saving pocket cli'.split(): importlib.import_module('rnn_course.' + name)
learn = train('single_output', epochs=1, quiet=True)
print(pathlib.Path(rnn_course.__file__).parent.parent, fastai.__version__, fastcore.__version__, sorted(RECIPES), evaluate(learn.model, learn.dls.valid))
'''


def pip_install(folder, *what):
    done = run(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, *what, check=False)
    if done.returncode and 'CI' not in os.environ: pytest.skip(f'pip could not install {what}: {done.stderr[-300:]}')
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "A wheel, built from a copy so that no build/ is left behind."
    copy, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    for name in run('git', 'ls-files', 'rnn_course', 'nbs', 'images', 'setup.py', 'pyproject.toml', 'settings.ini', 'README.md', 'LICENSE').stdout.splitlines():
        (copy/name).parent.mkdir(parents=True, exist_ok=True)
        (copy/name).write_bytes((ROOT/name).read_bytes())
    run(sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', out, copy)
    return next(out.glob('*.whl'))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    sys.path.insert(0, str(ROOT/'tools'))
    from try_wheel import MOST, expected
    names = {n for n in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in n}
    assert names == set(expected()) and wheel.stat().st_size <= MOST
    assert {'rnn_course/gru.py', 'rnn_course/py.typed', 'rnn_course/nbs/05_gru.ipynb', 'rnn_course/nbs/results/gru.safetensors', 'rnn_course/images/rnn.svg'} <= names


def test_installed_elsewhere_it_works(wheel, tmp_path):
    pip_install(tmp_path/'site', wheel)
    said = run(sys.executable, '-W', 'ignore', '-c', USE, cwd=tmp_path, env={'PYTHONPATH': str(tmp_path/'site')}).stdout
    assert said.startswith(str(tmp_path/'site')) and 'Scores(' in said and "'two_layers'" in said


def test_works_with_a_current_fastai(wheel, tmp_path):
    pip_install(tmp_path/'site', wheel, 'fastai==2.8.12', 'fastcore>=2,<3', 'fasttransform', 'fastprogress', 'plum-dispatch')
    said = run(sys.executable, '-W', 'ignore', '-c', USE, cwd=tmp_path, env={'PYTHONPATH': str(tmp_path/'site')}).stdout.split()
    assert said[1] == '2.8.12' and said[2].startswith('2.'), said


def test_command_line(wheel, tmp_path):
    pip_install(tmp_path/'site', wheel)
    command = 'import sys; from rnn_course.cli import main; sys.exit(main())'
    def rnn_course(*args): return run(sys.executable, '-c', command, *args, cwd=tmp_path, env={'PYTHONPATH': str(tmp_path/'site')}, check=False)
    helped, unknown, missing = rnn_course('--help'), rnn_course('tabel'), rnn_course('table', '--folder', 'nowhere')
    assert helped.returncode == 0 and 'study' in helped.stdout
    assert unknown.returncode == 2 and "'tabel'" in unknown.stderr and 'Traceback' not in unknown.stderr
    assert missing.returncode == 2 and 'nowhere' in missing.stderr and 'Traceback' not in missing.stderr
    printed = rnn_course('table')
    assert printed.returncode == 0 and '83.8' in printed.stdout
    assert rnn_course('count', 'two hundred ninety nine ,', '--n', '3').stdout == 'three hundred ,\n'
    assert rnn_course('notebooks', 'course').returncode == 0
    for name in ('05_gru.ipynb', 'solutions/05_gru.ipynb', 'results/gru.csv', 'images/rnn.svg'): assert (tmp_path/'course'/name).is_file()
